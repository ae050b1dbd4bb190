"""Migrations that belong together: a baseline and what it replaces, the phases of a change."""
