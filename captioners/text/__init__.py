"""What steps share that word captions: English from measures, clean speech, ids, languages, checks of rewrites."""
