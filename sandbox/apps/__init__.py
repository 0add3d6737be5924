"""Apps of the demo: what the example app can't show."""
