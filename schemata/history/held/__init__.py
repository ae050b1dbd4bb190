"""Phases of a change that wait to be asked for: which, why, and what only the database tells of them."""
