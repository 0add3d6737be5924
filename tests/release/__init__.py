"""What is too slow for each change: `make release-check` runs it."""
