"""How one source is asked: when, how often, at what cost, and what its answers teach about it."""
