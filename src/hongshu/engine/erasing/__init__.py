"""Forgetting creators for good: every row, file and byte of them, and a tombstone that outlives restored backups."""
