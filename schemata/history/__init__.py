"""What a database records: its tables and rows, the up-to-date check, and the comparison with the files."""
