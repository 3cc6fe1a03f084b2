"""Chat models: what they are asked, who runs them, and what becomes of their answers."""
