"""What several people's answers say together: how far they agree, what holds, and whether a release is good enough."""
