"""cliploom turns raw video into a published, reviewed, reproducible video-text dataset."""
