"""Groups of what is alike, and who of a group stays."""
