"""How captions are worded without a model: English from measures, clean speech, ids."""
