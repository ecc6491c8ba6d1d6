"""Every fault by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hongshu.sources.simulator.faults.answers import ANSWERS
from hongshu.sources.simulator.faults.bodies import BODIES
from hongshu.sources.simulator.faults.calls import Fault
from hongshu.sources.simulator.faults.connections import CONNECTIONS
from hongshu.sources.simulator.faults.pages import PAGES

FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in (*ANSWERS, *BODIES, *PAGES, *CONNECTIONS)}
