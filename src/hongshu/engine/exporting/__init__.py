"""Exporting what is kept: data sets and single files that get their names when they are complete."""
