"""A container's start, once the up-to-date check has found something to do."""
