"""Delivering news: who is told what, when, how often it is tried, and the loop that sends."""
