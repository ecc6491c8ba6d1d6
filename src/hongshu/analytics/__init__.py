"""Creators in numbers: open formulas over a data set, each as SQL that can be read, with the notes it stands on."""
