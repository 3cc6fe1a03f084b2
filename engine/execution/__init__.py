"""Doing the work of a plan: worker processes, an event loop, and the row loop."""
