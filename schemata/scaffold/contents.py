"""The files that `init` writes, as text: settings, tasks, ignored files, a CI workflow, hooks, Compose, Dockerfile."""

import json
from collections.abc import Sequence

#: Never committed: the dev server and caches; what a build of an image writes; secrets of Compose.
IGNORED = (".schemata/", "migrations/seal", ".env")

TASKS = """\
\"\"\"The commands of this repository: `inv --list` shows them.\"\"\"

from schemata.tasks import namespace as ns

__all__ = ["ns"]
"""

#: What makes a tasks.py of somebody else's have the commands as well.
TASKS_LINES = """\
from invoke import Collection
from schemata.tasks import namespace

ns = Collection(*namespace.tasks.values(), your_task)"""

WORKFLOW = """\
# Migrations: the lock file says what they make, they run on an empty database, and the result answers.
name: schemata

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  migrations:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v6
        with:
          persist-credentials: false
      - uses: actions/setup-python@v6
        with:
          python-version: "3.13"
      - name: Install
        run: python -m pip install 'pgschemata[embedded]'
      - name: The lock file is that of the migrations
        run: schemata lock --check
      - name: From nothing to a migrated database
        run: schemata dev-up
      - name: It has and answers what it should
        run: schemata smoke
      - name: It is what the migrations say
        run: schemata parity
      - if: always()
        run: schemata dev-down-clean
"""

HOOK = """\
  - repo: local
    hooks:
      - id: schemata-lock
        name: migrations/manifest is that of the migrations
        entry: schemata lock --check
        language: system
        files: ^migrations/
        pass_filenames: false
"""

HOOKS = f"repos:\n{HOOK}"

DOCKERFILE = """\
# The application's image: it waits for the database, creates schemas, migrates, and then becomes its command.
FROM python:3.13-slim
WORKDIR /app
COPY . .
RUN python -m pip install --no-cache-dir pgschemata && schemata seal
USER 10001
ENTRYPOINT ["python", "-m", "schemata.boot", "--"]
CMD ["python", "-m", "http.server", "8000"]
"""


def settings(name: str, schemas: Sequence[str]) -> str:
    """Return the table for pyproject.toml.

    >>> print(settings("shop", ["app"]), end="")
    [tool.schemata]
    name = "shop"
    schemas = ["app"]
    """
    # A JSON string is a TOML one: both escape quotes, backslashes and control characters alike.
    listed = ", ".join(json.dumps(schema, ensure_ascii=False) for schema in schemas)
    return f"[tool.schemata]\nname = {json.dumps(name, ensure_ascii=False)}\nschemas = [{listed}]\n"


def compose(database: str) -> str:
    """Return a Compose file with a server and the application, which migrates when it starts."""
    return f"""\
# docker compose up -d --build --wait. Give the server a password first: POSTGRES_PASSWORD=… in .env
services:
  postgres:
    image: postgres:18
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: ${{POSTGRES_PASSWORD:?write it into .env}}
      POSTGRES_DB: {database}
    volumes:
      - postgres-data:/var/lib/postgresql
    ports:
      - 127.0.0.1:${{POSTGRES_PORT-15432}}:5432
    healthcheck:
      test: [CMD-SHELL, 'pg_isready -q -h 127.0.0.1 -U "$$POSTGRES_USER" -d "$$POSTGRES_DB"']
      interval: 2s
      timeout: 5s
      retries: 30

  app:
    build: .
    init: true
    environment:
      DATABASE_URL: postgresql://app@postgres:5432/{database}
      PGPASSWORD: ${{POSTGRES_PASSWORD:?write it into .env}}
    depends_on:
      postgres:
        condition: service_healthy

volumes:
  postgres-data:
"""


def with_lines(text: str, lines: Sequence[str]) -> str:
    """Return a text that has each of the lines: those that it lacks stand at its end.

    >>> with_lines("a\\nb", ["b", "c"])
    'a\\nb\\nc\\n'
    """
    there = {line.strip() for line in text.splitlines()}
    missing = [line for line in lines if line not in there and line.rstrip("/") not in there]
    if not missing:
        return text
    return text + ("" if not text or text.endswith("\n") else "\n") + "".join(f"{line}\n" for line in missing)
