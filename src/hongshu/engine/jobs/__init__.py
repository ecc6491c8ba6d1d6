"""Work on many machines: what is due is claimed and dealt out as jobs, and whoever is free does them."""
