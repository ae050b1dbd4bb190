"""What a migrated database must be able to answer."""
