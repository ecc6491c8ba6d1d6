"""Backups: taken while everything runs, proved as they are taken, refused where anything of them is missing."""
