"""Measures what a user waits for, beside the other ways of doing it; never shipped."""
