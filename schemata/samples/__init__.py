"""Made-up rows for tables of which nothing is known but their definition."""
