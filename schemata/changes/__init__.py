"""Changes without downtime: an expand, a backfill and a contract, with two versions of the application alive."""
