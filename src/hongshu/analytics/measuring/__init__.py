"""Measures creators: asks what the numbers stand on, and gives each its interval."""
