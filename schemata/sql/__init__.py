"""PostgreSQL's SQL as text: parse it, split it, say where it fails, what it creates and what it destroys. No I/O."""
