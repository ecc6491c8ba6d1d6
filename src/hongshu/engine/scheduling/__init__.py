"""Reports that are made again and again: when they are due, how one is made, and the loop that does so."""
