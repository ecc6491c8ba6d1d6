"""What a group of calls is made of: jobs, what comes of them, and the rows that they are decided on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hongshu.engine.money.decision import Limits
from hongshu.engine.money.limits import SECOND_NS
from hongshu.errors import CallError
from hongshu.models import Cache, Word
from hongshu.store.calls import CallRow
from hongshu.store.group import Hold, KeptAnswer, Key, Wanted


class Call(Word):
    """One call of a caller who passed the screen; `question` tells apart what may be asked under one key."""

    request_id: str
    began_ns: int
    account: str
    token_id: str
    endpoint: str
    address: str = ""
    key: str | None = None
    question: str = ""


class Paid(Word):
    """A page that is about to be handed over: its price in credits, how it came, and, under a key, its body in zstd."""

    price: int
    cache: Cache
    source: str
    recorded_ms: int
    body: bytes | None = None


class Settle(Word):
    """Decide and charge at once, for a page at hand."""

    call: Call
    paid: Paid


class Admit(Word):
    """Decide, and hold the highest price while a source is asked."""

    call: Call
    price: int


class Capture(Word):
    """Turn a hold into a charge."""

    call: Call
    paid: Paid


class Release(Word):
    """Give a hold back, and log the code of what failed; None logs nothing: no source was asked, or for nobody."""

    call: Call
    code: int | None


class Log(Word):
    """Log a call that ended without the ledger: refused, failed early, or a replay."""

    call: Call
    code: int
    kind: str


class Delivered(Word):
    """Note that an answer was handed over."""

    request_id: str


class Expire(Word):
    """Give back a hold whose lease has ended."""

    hold: Hold


class WriteOut(Word):
    """Write what waits for the next commit now."""


Job = Settle | Admit | Capture | Release | Log | Delivered | Expire | WriteOut


class Charged(Word):
    """The charge is in the ledger: what it was, and what is left, in credits."""

    cost: int
    balance: int
    limits: Limits


class Admitted(Word):
    """The call holds its price."""


class Refused(Word):
    """The call is refused; limits are None where the caller may not know them."""

    error: CallError
    limits: Limits | None


class Replay(Word):
    """The key was answered before."""

    answer: KeptAnswer


class Pending(Word):
    """Another call with the key is in flight."""


class Done(Word):
    """Nothing is to be told."""


Outcome = Charged | Admitted | Refused | Replay | Pending | Done


class Unwritten(Word):
    """Rows of the call log, each with its hour, and marks of delivery that no answer waits for."""

    calls: tuple[tuple[CallRow, int], ...] = ()
    delivered: tuple[str, ...] = ()


def wanted(jobs: Iterable[Job], unwritten: Unwritten, now_ns: int) -> Wanted:
    """Return the rows that a group of jobs is decided on; every account it writes anything of is locked by it."""
    accounts = {row.account for row, _ in unwritten.calls}
    tokens: set[str] = set()
    requests: set[str] = set()
    keys: set[Key] = set()
    for job in jobs:
        match job:
            case Settle(call=call) | Admit(call=call):
                accounts.add(call.account)
                tokens.add(call.token_id)
                if call.key is not None:
                    keys.add((call.account, call.key))
            case Capture(call=call) | Release(call=call):
                accounts.add(call.account)
                tokens.add(call.token_id)
                requests.add(call.request_id)
                if call.key is not None:
                    keys.add((call.account, call.key))
            case Log(call=call):
                accounts.add(call.account)
            case Expire(hold=hold):
                accounts.add(hold.account)
                tokens.add(hold.token_id)
                requests.add(hold.request_id)
            case _:
                pass
    # One day for zones west of Greenwich, one for a database whose clock differs from ours.
    since = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date() - timedelta(days=2)
    return Wanted(
        accounts=frozenset(accounts),
        tokens=frozenset(tokens),
        requests=frozenset(requests),
        keys=frozenset(keys),
        since_day=since.isoformat(),
    )
