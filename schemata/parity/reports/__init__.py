"""What parity found, as values, text, HTML and metrics."""
