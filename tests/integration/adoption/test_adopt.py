"""`inv adopt` of each tool's small history, in one process: files, ledger, and what the next migrate applies."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from schemata import config
from schemata.adoption import adopt
from schemata.deploy import migrate
from schemata.migrations import files
from tests.conftest import Project
from tests.unit import cases
from tests.unit.adoption import histories

Texts = Mapping[str, str | bytes]


def lay(root: Path, texts: Texts) -> Path:
    """Write the folder of another tool; return it."""
    for name, text in texts.items():
        path = root / "theirs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return root / "theirs"


@pytest.fixture
def repository(project: Project) -> Project:
    """Give a project of the schema public, without a migration."""
    project.schemas = ("public",)
    project.configure()
    return project


pytestmark = pytest.mark.usefixtures("shared_scratch")


@cases.named(("tool", "texts"), [(tool, tool, texts) for tool, texts in histories.ALL.items()])
def test_files_become_migrations_that_run(tool: str, texts: Texts, repository: Project) -> None:
    """Each tool's folder: all of it is written with the lock file, once; it runs on an empty database."""
    theirs = lay(repository.root, texts)
    settings = config.load(repository.root, {})
    plan = adopt.adopt(settings, tool, str(theirs), plan=True)
    assert files.read(settings.migrations, settings.schemas) == ()
    found = adopt.adopt(settings, tool, str(theirs))
    assert found.as_dict()["migrations"] == plan.as_dict()["migrations"]
    items = files.read(settings.migrations, settings.schemas)
    assert [item.id for item in items] == [one.id for one in found.prepared.converted.migrations]
    assert all(item.directives.imported_from.startswith(f"{tool} ") for item in items)
    assert (settings.migrations / files.MANIFEST).is_file()
    again = adopt.adopt(settings, tool, str(theirs))
    assert (found.written > 0, again.written) == (True, 0)
    assert len(migrate.migrate(settings, url=repository.url).done) == len(items)
