"""Squash: one baseline a schema in the place of the migrations through one of them, proved to make the same."""
