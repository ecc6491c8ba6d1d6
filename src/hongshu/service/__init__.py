"""Builds an installation from its settings: where it lies, its sources, its desk, and the whole."""
