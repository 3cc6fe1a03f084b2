"""From what is said in a video to blocks of it that a language model reads."""
