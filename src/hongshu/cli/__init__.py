"""Every command: parsing and printing only. Data goes to standard output, everything else to standard error."""
