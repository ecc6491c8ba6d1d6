"""Watching creators: what a look tells, how the calls of a day are divided, and the loop that looks."""
