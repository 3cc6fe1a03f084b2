"""What commands print with: words, tables, the funnel, and progress."""
