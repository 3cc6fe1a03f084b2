"""What drives a build: steps, recipes, the store, the planner and the runner."""
