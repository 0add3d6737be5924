"""The kinds of jobs: a module a kind, and what they share."""
