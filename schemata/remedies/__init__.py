"""What to do about a statement that PostgreSQL refused: a table of rows, with the SQL to paste.

`table.matching(case)` gives the rows for a failure, the most special first; `row.advise(case)` gives the text."""
