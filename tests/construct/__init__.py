"""The constructs, by the templates that they synthesize."""
