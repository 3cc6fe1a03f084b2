"""Which of many vectors are alike."""
