"""What speech recognition takes: weights, sound in pieces that fit into memory, voices, and the models themselves."""
