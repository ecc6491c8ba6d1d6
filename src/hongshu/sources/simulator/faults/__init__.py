"""What can go wrong with a source of pages: a catalogue of faults, and the rules that say which calls have one.

The reference is docs/reference/simulator.md.
"""

from hongshu.sources.simulator.faults.calls import Answer, Call, End, Fault, Steps
from hongshu.sources.simulator.faults.catalogue import FAULTS
from hongshu.sources.simulator.faults.rules import Rule, Rules, read_rules

__all__ = ["FAULTS", "Answer", "Call", "End", "Fault", "Rule", "Rules", "Steps", "read_rules"]
