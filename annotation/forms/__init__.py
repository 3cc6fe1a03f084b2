"""What people are asked: one form for each kind of task, whatever shows it, and the check of what they put into it."""
