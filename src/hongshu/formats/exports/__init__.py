"""Exports as rows and columns: what each column means, how values are written as cells, and how they are read back."""
