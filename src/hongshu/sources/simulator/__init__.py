"""Made-up creators that live: post by their own rhythm, gain counters, edit, pin and delete.

The reference is docs/reference/simulator.md.
"""

from hongshu.sources.simulator.creators import Creator, Growth, Hashtag
from hongshu.sources.simulator.life import Happening, LifeEvent
from hongshu.sources.simulator.notes import SimulatedNote
from hongshu.sources.simulator.pins import Pin
from hongshu.sources.simulator.source import SimulatorSource
from hongshu.sources.simulator.world import World

__all__ = [
    "Creator",
    "Growth",
    "Happening",
    "Hashtag",
    "LifeEvent",
    "Pin",
    "SimulatedNote",
    "SimulatorSource",
    "World",
]
