"""Which statements take the server's time, since the last look: from pg_stat_statements."""
