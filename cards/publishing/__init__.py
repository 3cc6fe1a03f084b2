"""Publishing: a release folder in the layout that the Hub should have, its check, and the way to the Hub."""
