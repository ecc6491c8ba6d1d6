"""Asks the questions of a data set through DuckDB, which loads no extension and asks no network."""

from hongshu.analytics.duck.analyst import DuckAnalyst
from hongshu.analytics.duck.frames import DuckFrame
from hongshu.analytics.duck.opening import analyst, open_dataset, open_frames, open_tables

__all__ = ["DuckAnalyst", "DuckFrame", "analyst", "open_dataset", "open_frames", "open_tables"]
