"""Lint: what is wrong or dangerous in migrations, told from their text alone, with what to write instead."""
