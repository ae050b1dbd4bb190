"""A connection to PostgreSQL: its URL, libpq, sessions, waiting for a server, its catalog, who blocks whom."""
