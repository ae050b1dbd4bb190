"""A development server, embedded or in Docker, and what runs on it: dev-up, dev-down, psql, logs."""
