"""What builders.clips shares: which clips to make of a video's shots, and cutting files from it."""
