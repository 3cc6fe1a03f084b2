"""What people are asked about: tasks from the tables of a build, and what becomes of the answers."""
