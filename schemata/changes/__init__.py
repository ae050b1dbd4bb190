"""Changes of a table that two versions of the application outlive: expand, backfill, contract, finish."""
