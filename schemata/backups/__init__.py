"""Backups: taken in one snapshot, verified by a restore, listed, kept for a time; and required before what destroys.

`required.before_deploy` is what a deploy asks; `backups` has the commands.
"""
