"""`hongshu login`."""

from __future__ import annotations

import sys

from hongshu.cli.printing import AsJson, print_json
from hongshu.cli.setup import ConfigFile, money, quiet_settings
from hongshu.config import ServerConfig
from hongshu.errors import UsageError
from hongshu.models import rfc3339
from hongshu.service.desk import Ledger
from hongshu.store.sessions import Role


def login(
    *,
    account: str | None = None,
    operator: str | None = None,
    read_only: bool = False,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Print a link into the console of the running server that works once, within ten minutes.

    Parameters
    ----------
    account
        Name or id of the account to look as.
    operator
        Name or id of the operator to run this installation as.
    read_only
        Look only: the session can change, start and spend nothing.
    """
    if (account is None) == (operator is None):
        raise UsageError("give --account NAME or --operator NAME, one of them")
    loaded = quiet_settings(config)
    role, name = (Role.ACCOUNT, account) if account is not None else (Role.OPERATOR, operator)
    with money(loaded) as ledger:
        link, until_ms = made(ledger, role, name or "", address_of(loaded.config.server), read_only=read_only)
    if json:
        print_json({"link": link, "role": role.value, "name": name, "read_only": read_only, "until": rfc3339(until_ms)})
        return
    print(link)
    print("it works once, within ten minutes, where `hongshu serve` runs", file=sys.stderr)


def made(ledger: Ledger, role: Role, name: str, address: str, *, read_only: bool = False) -> tuple[str, int]:
    """Return a link into the console at an address, and until when it works, in ms."""
    secret, until_ms = ledger.signing.link(role, name, read_only=read_only)
    return f"{address}/console/sign-in/{secret}", until_ms


def address_of(server: ServerConfig) -> str:
    """Return where the server of these settings is reached."""
    if server.public_url:
        return server.public_url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - what it listens on
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{server.port}"
