"""Collecting creators: batches, walks, plans and what is told of them."""
