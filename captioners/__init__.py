"""What is said about a clip: evidence, teachers, rewriting and choosing."""
