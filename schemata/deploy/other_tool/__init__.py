"""Another migration tool that still runs on the same database: its ledger is kept true, its lock is taken."""
