"""Another tool's migrations made ours; and what a database has, proved before it is recorded."""
