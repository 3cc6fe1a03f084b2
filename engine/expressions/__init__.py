"""Expressions of SQL in a recipe, that see the columns of one row and nothing else."""
