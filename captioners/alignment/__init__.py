"""Where in a video a caption belongs: arrays in, arrays out."""
