"""What speech recognition takes: its weights, and sound in pieces that fit into memory."""
