"""The statements of what is no relation: types, routines, text search, and what belongs to the database as a whole."""
