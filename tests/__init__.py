"""What the library, the handler and the local AWS promise."""
