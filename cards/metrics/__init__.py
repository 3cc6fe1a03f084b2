"""What datasets like these are judged by: predictions against gold."""
