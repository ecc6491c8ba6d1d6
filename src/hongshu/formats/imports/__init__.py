"""Rows of other tools, and of our own exports, as the words of the house: pure, one module a tool."""
