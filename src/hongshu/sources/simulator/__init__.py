"""Made-up creators that live: post by their own rhythm, gain counters, edit, pin and delete.

The reference is docs/reference/simulator.md.
"""

from hongshu.sources.simulator.creators import Creator, Growth, Hashtag
from hongshu.sources.simulator.faults import FAULTS, Fault, Rule, read_rules
from hongshu.sources.simulator.life import Happening, LifeEvent
from hongshu.sources.simulator.notes import SimulatedNote
from hongshu.sources.simulator.pins import Pin
from hongshu.sources.simulator.server import SimulatorServer
from hongshu.sources.simulator.source import SimulatorSource
from hongshu.sources.simulator.world import World

__all__ = [
    "FAULTS",
    "Creator",
    "Fault",
    "Growth",
    "Happening",
    "Hashtag",
    "LifeEvent",
    "Pin",
    "Rule",
    "SimulatedNote",
    "SimulatorServer",
    "SimulatorSource",
    "World",
    "read_rules",
]
