"""The handler, module by module."""
