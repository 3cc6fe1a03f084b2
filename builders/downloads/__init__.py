"""What comes from the web: files, pages, lists and archives."""
