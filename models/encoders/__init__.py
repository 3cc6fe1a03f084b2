"""Image-text encoders: pictures and texts to vectors whose cosines say how well they fit."""
