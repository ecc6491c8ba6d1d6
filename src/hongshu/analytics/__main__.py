"""`python -m hongshu.analytics` prints the reference page of the metrics."""

from __future__ import annotations

import sys

from hongshu.analytics.reference import reference

sys.stdout.write(reference())
