"""Tables on disk: written, committed, read and joined."""
