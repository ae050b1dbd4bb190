"""Another tool's migrations: read, classified, tried, and recorded as ours."""
