"""Take a PostgreSQL database of several schemas from a cold start to a proven, migrated state.

Nothing is imported here: `python -m schemata.boot` passes through this file at every container
start, and each import would be paid there.
"""

__version__ = "0.1.0"
