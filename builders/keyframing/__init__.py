"""Which frames of a video are key frames, as pure functions of vectors and times."""
