"""Two releases beside each other, and a release beside what its lock builds again."""
