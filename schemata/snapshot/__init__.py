"""The structure of a database as the catalog describes it: `reading.read` returns a `model.Snapshot`."""
