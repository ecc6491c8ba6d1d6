"""Whether an installation is as it should be: what is looked at, and what follows from it."""
