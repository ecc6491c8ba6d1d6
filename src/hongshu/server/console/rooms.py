"""Every room of the console, each with the parts that it needs and no others."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hongshu.config import Config
from hongshu.server.console.accounts import Accounts
from hongshu.server.console.backups import Backups
from hongshu.server.console.base import Room
from hongshu.server.console.batches import Batches
from hongshu.server.console.batches import Parts as BatchParts
from hongshu.server.console.calls import Calls
from hongshu.server.console.compare import Compare
from hongshu.server.console.creator import Creator
from hongshu.server.console.creator import Parts as CreatorParts
from hongshu.server.console.creators import Creators
from hongshu.server.console.datasets import Datasets
from hongshu.server.console.deliveries import Deliveries
from hongshu.server.console.deliveries import Parts as DeliveriesParts
from hongshu.server.console.downloads import Downloads
from hongshu.server.console.entry import Entry
from hongshu.server.console.home import Home
from hongshu.server.console.ledger import LedgerPages, Proofs
from hongshu.server.console.news import Newsroom
from hongshu.server.console.numbers import Numbers
from hongshu.server.console.reading import Lists
from hongshu.server.console.reports import Parts as ReportsParts
from hongshu.server.console.reports import Reports
from hongshu.server.console.sources import Sources
from hongshu.server.console.tokens import Tokens
from hongshu.server.console.usage import UsagePages
from hongshu.server.console.watches import Parts as WatchesParts
from hongshu.server.console.watches import Watches
from hongshu.service.delivery import settled_channels
from hongshu.service.whole import Service


def rooms(config: Config, service: Service, downloads: Downloads) -> Sequence[Room]:
    """Build the rooms; `downloads` are for all of them."""
    run = service.desk.run
    proofs = Proofs(run)
    zones = {one.name: one.zone for one in config.source}
    look, numbers = service.lists.read, Numbers(service.lists.read, service.numbers.read)
    return (
        Entry(run),
        Tokens(config.limits, run),
        Home(config.limits, zones, run, proofs),
        Accounts(run),
        LedgerPages(run, proofs),
        Calls({one.name: one.owner for one in config.source}, run),
        UsagePages(run),
        Creators(look, service.notes_writer),
        Creator(CreatorParts(look, service.notes_writer, numbers, service.feeds, service.cover_files.path)),
        Compare(look, numbers),
        Reports(ReportsParts(look, service.notes_writer, downloads)),
        Datasets(look, downloads),
        Newsroom(look),
        Sources(service.sources, zones, run, time.time_ns),
        Watches(
            WatchesParts(
                lists=look,
                plans=service.numbers.read,
                writer=service.notes_writer,
                calls_a_day=config.watch.calls_per_day,
                price=config.metering.price,
                clock=time.time_ns,
            )
        ),
        Backups(service.keeper),
        Deliveries(
            DeliveriesParts(
                reader=Lists(look),
                writer=service.notes_writer,
                settled=settled_channels(config),
                send=service.sender.send,
                clock=time.time_ns,
            )
        ),
        Batches(
            BatchParts(
                reader=Lists(look),
                writer=service.notes_writer,
                spending=service.spending,
                serving=service.serving,
                run=run,
                price=config.metering.price,
                clock=time.time_ns,
            )
        ),
    )
