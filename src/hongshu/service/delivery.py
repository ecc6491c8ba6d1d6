"""What brings news and reports out: channels, files, and who makes them."""

from __future__ import annotations

from pathlib import Path

from hongshu.config import Config
from hongshu.egress import GuardedEgress
from hongshu.engine.delivering.files import FOLDER as REPORTS_FOLDER
from hongshu.engine.delivering.files import ReportFiles
from hongshu.engine.delivering.sending import Sender
from hongshu.engine.scheduling.making import Maker
from hongshu.formats.addresses import networks
from hongshu.models import Clock
from hongshu.service.sources import user_agent
from hongshu.store.channels import Channel


def sender(config: Config, data_dir: Path, clock: Clock) -> Sender:
    """Build what sends on channels."""
    egress = GuardedEgress(user_agent(), networks(config.delivery.allow_networks), cleartext=False)
    return Sender(egress, report_files(data_dir), config.delivery.timeout, clock)


def report_files(data_dir: Path) -> ReportFiles:
    """Return where the files of reports lie that are to be delivered."""
    return ReportFiles(data_dir / REPORTS_FOLDER)


def report_maker(config: Config, data_dir: Path, clock: Clock) -> Maker:
    """Build what makes scheduled reports."""
    return Maker(report_files(data_dir), data_dir, config.store.reveal(), clock)


def settled_channels(config: Config) -> tuple[Channel, ...]:
    """Return the channels of the settings."""
    return tuple(
        Channel(
            name=one.name,
            address=one.url,
            lang=one.lang,
            zone=one.zone,
            quiet_hours=one.quiet_hours,
            digest=one.digest,
            sources=one.sources,
        )
        for one in config.channel
    )
