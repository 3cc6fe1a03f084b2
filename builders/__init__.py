"""Where a dataset starts: sources, the decode pass, shots, clips and transcripts."""
