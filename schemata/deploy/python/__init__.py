"""Migrations in Python, loaded and run by yoyo's own code on the session of the deploy.

Nothing of it is imported unless such a migration is to run: an image may do without yoyo until then.
"""
