"""The files that `init` writes, as text: settings, tasks, ignored files, a CI workflow, hooks, Compose, Dockerfile."""

import json
import re
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

#: The step of a workflow that asks everything.
CHECK = """\
      - name: The checklist, on temporary databases
        run: inv check
"""

WORKFLOW = f"""\
# Migrations: the checklist of every change, and from nothing to a migrated database that answers.
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
        run: python -m pip install 'pgschemata[embedded,lint]'
{CHECK}\
      - name: From nothing to a migrated database
        run: inv dev-up
      - name: It has and answers what it should
        run: inv smoke
      - name: It is what the migrations say
        run: inv parity
"""

#: What a workflow of somebody else's needs, after the migrations are there.
WORKFLOW_LINES = f"""\
      - name: Install
        run: python -m pip install 'pgschemata[embedded,lint]'
{CHECK}"""

#: What each hook for pre-commit is, by its id: those of `.pre-commit-hooks.yaml`, run by the project's own environment.
_HOOKS = {
    "schemata-lint": """\
      - id: schemata-lint
        name: What is dangerous in migrations
        entry: schemata lint --base HEAD
        language: system
        files: ^{folder}/.*\\.(sql|py)$
        require_serial: true
""",
    "schemata-check": """\
      - id: schemata-check
        name: The checklist, where a migration changed
        entry: schemata check --changed
        language: system
        files: ^{folder}/
        pass_filenames: false
        require_serial: true
""",
}

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


def hooks(folder: str, present: str = "") -> str:
    """Return the hooks for pre-commit that a configuration lacks, as an entry of its list; empty where it has all.

    :param folder: of the migrations, as in the settings.

    >>> hooks("migrations", "- id: schemata-lint\\n- id: schemata-check\\n")
    ''
    """
    missing = [text for id_, text in _HOOKS.items() if not re.search(rf"\bid: *[\'\"]?{id_}\b", present)]
    if not missing:
        return ""
    below = re.escape(folder.removeprefix("./").strip("/"))
    return "".join(["  - repo: local\n    hooks:\n", *(text.format(folder=below) for text in missing)])


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
