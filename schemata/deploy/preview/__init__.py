"""What is shown before a deploy or a rollback changes anything: locks, sizes, and what would be destroyed."""
