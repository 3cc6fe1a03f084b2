"""Where in a clip most moves and changes: the labels of spatio-temporal statistics."""
