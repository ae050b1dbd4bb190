"""Made-up rows for a development database, as many as are wanted: the same ones for the same seed."""
