"""What stands between a model's words and a caption: each module takes one kind of thing off, or finds it."""
