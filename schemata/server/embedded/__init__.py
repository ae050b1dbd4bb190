"""A PostgreSQL server of the project's own: programs, data directory, processes, state."""
