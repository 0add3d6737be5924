"""Changes the handler in many small ways, to see whether a unit test falls each time: `make mutation`."""
