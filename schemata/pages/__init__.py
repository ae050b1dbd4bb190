"""Declared list queries, and whether an index can serve each of them."""
