"""Known × seen → what a look changes: pure decisions, no input or output."""
