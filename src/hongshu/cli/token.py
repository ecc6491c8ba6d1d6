"""`hongshu token`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table, print_words
from hongshu.cli.setup import ConfigFile, Whole, accounting, quiet_settings
from hongshu.engine.money.allowance import Draft
from hongshu.engine.money.decision import SCOPES
from hongshu.engine.money.telling import token_words
from hongshu.store.accounts import Standing

app = App(name="token", help="Create, list, rotate and revoke tokens.")

EMPTY = "there are no tokens yet; create one with: hongshu token create --account NAME"


@app.command
def create(
    *,
    account: Annotated[str, Parameter(help="Name or id of the account that pays.")],
    name: str = "",
    scope: Annotated[tuple[str, ...], Parameter(help="What it may call; may be repeated.", negative=())] = SCOPES,
    rate_per_minute: Whole | None = None,
    burst: Whole | None = None,
    daily_quota: Whole | None = None,
    expires: Annotated[
        str | None, Parameter(help="RFC 3339 time from which it is refused, or a date, from its 00:00 UTC.")
    ] = None,
    ip: Annotated[
        tuple[str, ...], Parameter(help="Address or network it may be used from; may be repeated.", negative=())
    ] = (),
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Create a token. Its secret is shown here and nowhere else."""
    loaded = quiet_settings(config)
    draft = Draft(
        rate_per_minute=rate_per_minute,
        burst=burst,
        daily_quota=daily_quota,
        scopes=scope,
        expires=expires,
        networks=ip,
    )
    with accounting(loaded) as books:
        issued, secret = books.issue_token(account, name, draft.allowance(loaded.config.limits))
    _print_secret(issued, secret, json=json)


@app.command(name="list")
def list_(*, account: str | None = None, config: ConfigFile = None, json: AsJson = False) -> None:
    """List tokens, without their secrets."""
    with accounting(quiet_settings(config)) as books:
        rows = [token_words(one) for one in books.tokens(account)]
    if json:
        print_json(rows)
        return
    hidden = {"account", "scopes", "networks", "former_secret_until"}
    print_table([{name: row[name] for name in row if name not in hidden} for row in rows], empty=EMPTY)


@app.command
def revoke(
    token: Annotated[str, Parameter(help="Id of the token.")], *, config: ConfigFile = None, json: AsJson = False
) -> None:
    """Switch a token off for good."""
    with accounting(quiet_settings(config)) as books:
        revoked = books.revoke_token(token)
    if json:
        print_json(token_words(revoked))
    else:
        print(f"{revoked.token.id} is revoked", file=sys.stderr)


@app.command
def show(
    token: Annotated[str, Parameter(help="Id of the token.")], *, config: ConfigFile = None, json: AsJson = False
) -> None:
    """Show one token, without its secret."""
    with accounting(quiet_settings(config)) as books:
        words = token_words(books.token(token))
    if json:
        print_json(words)
    else:
        print_words(words)


@app.command
def rotate(
    token: Annotated[str, Parameter(help="Id of the token.")],
    *,
    grace: Annotated[Whole, Parameter(help="Seconds for which the present secret still works.")] = 0,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Give a token another secret. It is shown here and nowhere else."""
    with accounting(quiet_settings(config)) as books:
        rotated, secret = books.rotate_token(token, grace)
    _print_secret(rotated, secret, json=json)


def _print_secret(issued: Standing, secret: str, *, json: bool) -> None:
    if json:
        print_json(token_words(issued, secret))
        return
    print(secret)
    said = f"{issued.token.id} of account {issued.account.name}: keep the token now, it is not shown again"
    print(said, file=sys.stderr)
