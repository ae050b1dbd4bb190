"""The backfill of a change: its one UPDATE in batches, beside a running application, until no row is left."""
