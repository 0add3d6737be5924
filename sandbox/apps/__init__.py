"""Apps of the demo whose jobs wait a few seconds only, so that a refusal takes no longer."""
