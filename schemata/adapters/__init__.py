"""The outside world: files, PostgreSQL, processes. Adapters take plain values, never Config."""
