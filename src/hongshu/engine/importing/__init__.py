"""Importing what other tools and our own exports hold: files as rows, rows as looks, looks into the store."""
