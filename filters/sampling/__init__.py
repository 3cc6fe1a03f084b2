"""Which of many are taken: by draws, by strata, under caps, and unlike each other."""
