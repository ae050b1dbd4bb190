"""Parity: whether two databases, or a database and its migrations, have the same structure, and what differs."""
