"""The typed client: a Python package of models that is generated from the migrated database."""
