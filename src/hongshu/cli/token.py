"""`hongshu token`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import App, Parameter

from hongshu.cli.printing import AsJson, print_json, print_table, time_or_none
from hongshu.cli.setup import ConfigFile, accounting, settings
from hongshu.engine.accounting import SCOPES, Allowance, expiry_ms
from hongshu.store.accounts import Token

app = App(name="token", help="Create, list and revoke tokens.")

EMPTY = "there are no tokens yet; create one with: hongshu token create --account NAME"


@app.command
def create(
    *,
    account: Annotated[str, Parameter(help="Name or id of the account that pays.")],
    name: str = "",
    scope: Annotated[tuple[str, ...], Parameter(help="What it may call; may be repeated.", negative=())] = SCOPES,
    rate_per_minute: int | None = None,
    burst: int | None = None,
    daily_quota: int | None = None,
    expires: Annotated[str | None, Parameter(help="Date or RFC 3339 time after which it is refused.")] = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Create a token. Its secret is shown here and nowhere else."""
    loaded = settings(config)
    limits = loaded.config.limits
    allowance = Allowance(
        rate_per_minute=limits.rate_per_minute if rate_per_minute is None else rate_per_minute,
        burst=limits.burst if burst is None else burst,
        daily_quota=limits.daily_quota if daily_quota is None else daily_quota,
        scopes=scope,
        expires_ms=expiry_ms(expires) if expires else None,
    )
    with accounting(loaded) as books:
        token, secret = books.issue_token(account, name, allowance)
    if json:
        print_json(_words(token, secret))
        return
    print(secret)
    print(f"{token.id} of account {token.account_name}: keep the token now, it is not shown again", file=sys.stderr)


@app.command(name="list")
def list_(*, account: str | None = None, config: ConfigFile = None, json: AsJson = False) -> None:
    """List tokens, without their secrets."""
    with accounting(settings(config)) as books:
        rows = [_words(token) for token in books.tokens(account)]
    if json:
        print_json(rows)
        return
    hidden = {"account", "scopes"}
    print_table([{name: row[name] for name in row if name not in hidden} for row in rows], empty=EMPTY)


@app.command
def revoke(
    token: Annotated[str, Parameter(help="Id of the token.")], *, config: ConfigFile = None, json: AsJson = False
) -> None:
    """Switch a token off for good."""
    with accounting(settings(config)) as books:
        revoked = books.revoke_token(token)
    if json:
        print_json(_words(revoked))
    else:
        print(f"{revoked.id} is revoked", file=sys.stderr)


def _words(token: Token, secret: str | None = None) -> dict[str, Any]:
    words: dict[str, Any] = {
        "id": token.id,
        "account": token.account,
        "account_name": token.account_name,
        "name": token.name,
        "token": secret or f"{token.shown_start}…",
        "scopes": token.scopes,
        "rate_per_minute": token.rate_per_minute,
        "burst": token.burst,
        "daily_quota": token.daily_quota,
        "expires": time_or_none(token.expires_ms),
        "active": token.active,
    }
    return words
