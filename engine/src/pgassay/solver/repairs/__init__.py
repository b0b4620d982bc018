"""What to do where the server refuses a row."""
