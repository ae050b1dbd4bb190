"""Values of columns: SQL of the number of a row, by the type, the name and what is required."""
