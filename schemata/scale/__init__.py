"""How large the tables of a project are meant to be: migrations/scale.toml, as values and on disk."""
