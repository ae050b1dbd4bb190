"""What the audit of DDL has noted, as a value."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    """One object that a statement changed. `schema` is empty for what belongs to the database as a whole."""

    at: str
    role: str
    application: str
    client: str
    command: str
    object_type: str
    schema: str
    identity: str
    by_deploy: bool = False

    def describe(self) -> str:
        """Return it in words.

        >>> Entry("2026-01-02T03:04:05Z", "ann", "psql", "10.0.0.7", "ALTER TABLE", "table", "app", "app.t").describe()
        '2026-01-02T03:04:05Z ann (psql, from 10.0.0.7): ALTER TABLE app.t'
        """
        how = ", ".join(filter(None, [self.application, f"from {self.client}" if self.client else ""]))
        what = " ".join(filter(None, [self.command, self.identity]))
        return f"{self.at} {self.role}{f' ({how})' if how else ''}: {what}"
