"""What changes a database: the lock, one session, transactional and non-transactional runs, rollback."""
