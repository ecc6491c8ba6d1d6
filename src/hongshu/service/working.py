"""Builds a worker out of the parts of a service."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from typing import Final

from hongshu import __version__
from hongshu.engine.jobs.board import Board, Kind, not_here
from hongshu.engine.jobs.dealing import Dealer
from hongshu.engine.jobs.dealing import Parts as Dealing
from hongshu.engine.jobs.doing import EXPORT, Doing, Parts
from hongshu.engine.jobs.working import Working
from hongshu.engine.watching.looking import Looker
from hongshu.service.whole import Service

LONGEST_EXPORT_SECONDS: Final = 6 * 3600.0


def working(service: Service, url: str, places: int) -> tuple[Working, Looker]:
    """Return a worker on the queue at an address, with so many chunks of each kind ahead, and who looks for it."""
    looker = Looker(service.watching, service.watching_terms, time.time_ns)

    async def export(arguments: Sequence[str]) -> None:
        await service.maker.run(["export", *arguments, "--json"], "export", LONGEST_EXPORT_SECONDS)

    parts = Parts(
        collecting=service.collecting,
        places=service.places,
        payer_of=service.payer_of,
        looker=looker,
        look_places=service.watching_terms.at_once,
        deliverer=service.deliverer,
        scheduler=service.scheduler,
        keeper=service.keeper,
        export=export,
    )
    doing = Doing(parts, time.time_ns)
    board = Board(url, doing.kinds())
    found = Dealing(service.notes_reader, service.notes_writer, looker, service.reports, service.keeper)
    dealer = Dealer(board, found, doing, 2 * places, time.time_ns)
    return Working(board, dealer, doing, f"{socket.gethostname()}:{os.getpid()}", __version__), looker


def leave_export(url: str, arguments: Sequence[str]) -> None:
    """Hang up an export for a worker. Raises `StoreError`."""
    asyncio.run(_left(url, arguments))


async def _left(url: str, arguments: Sequence[str]) -> None:
    board = Board(url, [Kind(EXPORT, not_here)])
    await board.open()
    try:
        await board.deal(EXPORT, alone=True, arguments=list(arguments))
    finally:
        await board.close()
