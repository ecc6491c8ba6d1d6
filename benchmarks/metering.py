"""What exact metering costs: each benchmark a ratio or a latency inside one run, its contenders taking turns.

It measures and never judges: the status is 0 whenever every server worked, charged exactly what it should, and the
ledgers were proven.
"""

from __future__ import annotations

import group_commit
import keyed
import latency
import on_postgres
import page_at_hand
import saving_beside
import two_processes
import verifying
from command import main

BENCHMARKS = {
    "page": page_at_hand.measure,
    "latency": latency.measure,
    "two-processes": two_processes.measure,
    "keyed": keyed.measure,
    "postgres": on_postgres.measure,
    "verify": verifying.measure,
    "saving-beside": saving_beside.measure,
    "group-commit": group_commit.measure,
}

if __name__ == "__main__":
    main(BENCHMARKS, __doc__)
