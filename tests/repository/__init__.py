"""The repository: its templates, its package, its pages and its bench."""
