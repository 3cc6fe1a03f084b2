"""Balancing by entries: how probable each text is to stay, and who is drawn."""
