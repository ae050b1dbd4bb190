"""What the files before a statement have made, and which locks the statement takes: read from parse trees."""
