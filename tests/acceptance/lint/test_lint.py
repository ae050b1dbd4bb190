"""`inv lint` as people and hooks type it: which files, which forms, which exit codes, and what stops it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import REPOSITORY, Project

CREATE = "-- Make orders.\nCREATE TABLE app.orders (id bigint PRIMARY KEY, note varchar(20), total numeric);\n"
DROP = "DROP TABLE app.orders;\n"
FIRST, SECOND, THIRD = (f"app.2025010{day}000000" for day in (1, 2, 3))

#: What of SARIF 2.1.0 is used here, strictly: nothing else may stand in it.
SARIF = yaml.safe_load("""
type: object
required: [$schema, version, runs]
additionalProperties: false
properties:
  $schema: {const: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"}
  version: {const: "2.1.0"}
  runs:
    type: array
    items:
      type: object
      required: [tool, results]
      additionalProperties: false
      properties:
        columnKind: {enum: [utf16CodeUnits, unicodeCodePoints]}
        tool:
          type: object
          required: [driver]
          additionalProperties: false
          properties:
            driver:
              type: object
              required: [name]
              additionalProperties: false
              properties:
                name: {type: string}
                semanticVersion: {type: string}
                rules:
                  type: array
                  uniqueItems: true
                  items:
                    type: object
                    required: [id]
                    additionalProperties: false
                    properties:
                      id: {type: string}
                      shortDescription: {$ref: "#/$defs/message"}
                      fullDescription: {$ref: "#/$defs/message"}
                      help: {$ref: "#/$defs/message"}
                      defaultConfiguration:
                        type: object
                        additionalProperties: false
                        properties: {level: {enum: [none, note, warning, error]}}
        results:
          type: array
          items:
            type: object
            required: [message, ruleId, ruleIndex, level, locations]
            additionalProperties: false
            properties:
              ruleId: {type: string}
              ruleIndex: {type: integer, minimum: 0}
              level: {enum: [none, note, warning, error]}
              message: {$ref: "#/$defs/message"}
              partialFingerprints: {type: object, additionalProperties: {type: string}}
              suppressions:
                type: array
                items:
                  type: object
                  required: [kind]
                  additionalProperties: false
                  properties: {kind: {enum: [inSource, external]}, justification: {type: string}}
              locations:
                type: array
                items:
                  type: object
                  additionalProperties: false
                  properties:
                    physicalLocation:
                      type: object
                      required: [artifactLocation]
                      additionalProperties: false
                      properties:
                        artifactLocation:
                          type: object
                          additionalProperties: false
                          properties:
                            uri: {type: string, pattern: "^[^/\\\\\\\\][^\\\\\\\\]*$"}
                            uriBaseId: {type: string}
                        region:
                          type: object
                          additionalProperties: false
                          properties:
                            startLine: {type: integer, minimum: 1}
                            startColumn: {type: integer, minimum: 1}
                            snippet: {$ref: "#/$defs/message"}
$defs:
  message:
    type: object
    required: [text]
    additionalProperties: false
    properties: {text: {type: string, minLength: 1}}
""")


@pytest.fixture
def files(tmp_path: Path) -> Project:
    """Give a project of one schema with a table, and no database."""
    made = Project(tmp_path)
    made.configure()
    made.write(f"{FIRST}.make_orders", CREATE, DROP)
    return made


def findings(project: Project, *arguments: str) -> dict[str, Any]:
    """Return what --json prints."""
    done = project.inv("lint", *arguments, "--json")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def rules(project: Project, *arguments: str) -> list[str]:
    """Return the rules that find an error or a warning."""
    return [one["rule"] for one in findings(project, *arguments)["findings"] if one["severity"] != "note"]


def git(project: Project, *words: str) -> None:
    """Run git in the project."""
    named = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *named, *words], cwd=project.root, check=True, capture_output=True)


def test_the_platform_is_clean() -> None:
    """No error and no warning, and nothing of it is left out."""
    done = Project(REPOSITORY).inv("lint", "--strict", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    assert (told["errors"], told["warnings"], told["accepted"]) == (0, 0, 0)
    assert told["files"] >= 33


def test_exit_codes_and_strict(files: Project) -> None:
    """Clean is 0, warnings are 0 or with --strict 1, errors are 1."""
    assert files.inv("lint").returncode == 0
    path = files.write(f"{SECOND}.more", "CREATE TABLE app.facts (data json);\n", "DROP TABLE app.facts;\n")
    assert files.inv("lint").returncode == 0
    assert files.inv("lint", "--strict").returncode == 1
    path.write_text("ALTER TABLE app.orders DROP COLUMN note;\n", encoding="utf-8")
    assert files.inv("lint").returncode == 1


def test_a_finding_has_place_statement_effect_and_what_to_write(files: Project) -> None:
    """Lines and columns count from 1, in characters."""
    sql = "-- Índices.\n/* é */ CREATE INDEX idx_orders_total\n    ON app.orders (total);\n"
    files.write(f"{SECOND}.index", sql, "DROP INDEX app.idx_orders_total;\n")
    done = files.inv("lint")
    assert f"migrations/app/{SECOND}.index.sql:2:9 error index-not-concurrent" in done.stdout
    assert "Takes ShareLock on app.orders: blocks writes while the index builds." in done.stdout
    assert "    CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total" in done.stdout
    (one,) = [f for f in findings(files)["findings"] if f["rule"] == "index-not-concurrent"]
    assert (one["line"], one["column"], one["fixable"]) == (2, 9, True)


def test_files_by_name_are_judged_behind_what_the_others_make(files: Project) -> None:
    """Many files and flags in any order; the earlier ones are read, not judged."""
    one = files.write(f"{SECOND}.a", "ALTER TABLE app.orders ALTER COLUMN note TYPE varchar(50);\n")
    two = files.write(f"{THIRD}.b", "DROP TABLE app.orders;\n")
    assert rules(files, str(one)) == []
    assert rules(files, str(two)) == ["drop-table"]
    names = [str(path.relative_to(files.root)) for path in (one, two)]
    assert findings(files, *names, "--strict")["files"] == 2
    assert rules(files, "migrations") == ["drop-table"]


def test_help_is_no_file(files: Project) -> None:
    """The flag is asked of Invoke, although every other word is a file; a flag that is none is told."""
    done = files.inv("lint", "--help")
    assert done.returncode == 0
    assert "--base" in done.stdout
    assert files.inv("lint", "--nonsense").returncode != 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere.sql",), "nowhere.sql: no such file"),
        (("--format", "xml"), "is none of text, json, github, sarif, markdown"),
        (("--json", "--format", "sarif"), "contradict each other"),
        (("--yes",), "--yes is about --fix"),
        (("--base", "no-such-branch"), "--base"),
    ],
)
def test_a_wrong_command_line_is_no_verdict(files: Project, arguments: tuple[str, ...], told: str) -> None:
    """Exit code 2, and what is wrong."""
    done = files.inv("lint", *arguments)
    assert done.returncode == 2
    assert told in done.stdout + done.stderr


def test_a_rule_that_is_none_is_refused_with_the_nearest(files: Project) -> None:
    """Also in the settings."""
    files.configure('[tool.schemata.lint]\nlevels = ["drop-tabel=off"]\n')
    done = files.inv("lint")
    assert done.returncode == 2
    assert "Did you mean drop-table?" in done.stderr


def test_one_bad_file_hides_no_other(files: Project) -> None:
    """Encoding, name, syntax, directive: each is a finding of its file, and the rest is judged."""
    folder = files.root / "migrations" / "app"
    (folder / f"{SECOND}.latin.sql").write_bytes(b"-- caf\xe9\nSELECT 1;\n")
    (folder / "app.nonsense.sql").write_text("DROP TABLE app.orders;\n", encoding="utf-8")
    files.write(f"{THIRD}.syntax", "\\connect other\n")
    files.write("app.20250104000000.late", "SELECT 1;\n-- mode: statements\n")
    files.write(
        "app.20250105000000.crlf",
        "\ufeffCREATE TABLE app.a (\r\n    id bigint PRIMARY KEY,\r\n    f json\r\n);\r\n",
        None,
    )
    told = findings(files)
    found = {(Path(one["path"]).name, one["rule"]) for one in told["findings"]}
    assert (f"{SECOND}.latin.sql", "encoding") in found
    assert ("app.nonsense.sql", "migration-file") in found
    assert ("app.nonsense.sql", "drop-table") in found
    assert (f"{THIRD}.syntax.sql", "syntax") in found
    assert ("app.20250104000000.late.sql", "migration-file") in found
    (crlf,) = [one for one in told["findings"] if one["rule"] == "discouraged-type"]
    assert (crlf["line"], crlf["column"]) == (3, 5)
    assert "is a command of psql" in next(one["text"] for one in told["findings"] if one["rule"] == "syntax")


def test_without_squawk_there_is_no_verdict(files: Project, tmp_path: Path) -> None:
    """It says what to type; only who asks for it does without."""
    empty = tmp_path / "bin"
    empty.mkdir()
    code = (
        "import sys; sys.executable = '/nonexistent/python'\n"
        "from pathlib import Path\nfrom schemata import config, errors\nfrom schemata.lint import lint\n"
        "try:\n    lint.lint(config.load(Path('.')))\nexcept errors.NotAvailable as error:\n    "
        "print(error.exit_code, error)\n"
        "print(lint.lint(config.load(Path('.')), ask_squawk=False).ok)\n"
    )
    done = files.run([sys.executable, "-c", code], PATH=str(empty))
    assert "3 squawk is not installed" in done.stdout, done.stderr
    assert "pip install 'pgschemata[lint]'" in done.stdout
    assert done.stdout.rstrip().endswith("True")


def test_allowed_with_a_reason_and_a_date(files: Project) -> None:
    """For the statement that follows; with its reason in the JSON; a date that is past allows nothing."""
    sql = "SELECT 1;\n-- lint: allow drop-table until 2999-01-01: moved\nDROP TABLE app.orders;\n"
    path = files.write(f"{SECOND}.drop", sql, None)
    told = findings(files)
    assert [(one["rule"], one["reason"]) for one in told["allowed"]] == [("drop-table", "moved")]
    assert "drop-table" not in rules(files)
    path.write_text(sql.replace("2999", "2020"), encoding="utf-8")
    assert {"drop-table", "allow-expired"} <= set(rules(files))
    path.write_text(sql.replace("drop-table", "drop-tabel"), encoding="utf-8")
    wrong = next(one for one in findings(files)["findings"] if one["rule"] == "allow-invalid")
    assert wrong["remedy"] == "Did you mean drop-table?"


def test_since_takes_history_as_it_is(files: Project) -> None:
    """What is not judged is counted, and still read."""
    files.write(f"{SECOND}.drop", "ALTER TABLE app.orders DROP COLUMN note;\n", None)
    files.configure('[tool.schemata.lint]\nsince = "20250102000000"\n')
    told = findings(files)
    assert (told["findings"], told["accepted"], told["files"]) == ([], 2, 2)


def test_a_base_branch(files: Project) -> None:
    """New files only; what they make is empty; out of order, edited and removed ones are errors."""
    git(files, "init")
    files.write(
        f"{SECOND}.keep", "ALTER TABLE app.orders ADD COLUMN a text;\n", "ALTER TABLE app.orders DROP COLUMN a;\n"
    )
    git(files, "add", ".")
    git(files, "commit", "-m", "one")
    git(files, "checkout", "-b", "work")
    files.write(
        "app.20250105000000.fresh",
        "CREATE TABLE app.fresh (id bigint PRIMARY KEY, b text);\n",
        "DROP TABLE app.fresh;\n",
    )
    files.write(
        "app.20250106000000.index", "CREATE INDEX idx_fresh_b ON app.fresh (b);\n", "DROP INDEX app.idx_fresh_b;\n"
    )
    assert findings(files, "--base", "main")["files"] == 2
    assert "index-not-concurrent" not in rules(files, "--base", "main")
    assert "index-not-concurrent" in rules(files)
    files.write(
        "app.20250101120000.early",
        "ALTER TABLE app.orders ADD COLUMN c text;\n",
        "ALTER TABLE app.orders DROP COLUMN c;\n",
    )
    assert "non-linear" in rules(files, "--base", "main")
    kept = files.root / "migrations" / "app" / f"{SECOND}.keep.sql"
    kept.write_text("-- A comment.\n" + kept.read_text(encoding="utf-8"), encoding="utf-8")
    assert "edited" not in rules(files, "--base", "main")
    kept.write_text("ALTER TABLE app.orders ADD COLUMN a integer;\n", encoding="utf-8")
    assert "edited" in rules(files, "--base", "main")
    kept.unlink()
    kept.with_suffix(".rollback.sql").unlink()
    assert "removed" in rules(files, "--base", "main")


def test_the_lock_file_has_to_be_of_these_migrations(files: Project) -> None:
    """Smoke would not look for what the new ones make."""
    shutil.copy(REPOSITORY / "migrations" / "manifest", files.root / "migrations" / "manifest")
    assert rules(files) == ["not-in-lock-file"]


def test_the_scale_file_says_how_long_a_lock_lasts(files: Project) -> None:
    """The project's own, or another one; a wrong one is no verdict."""
    files.write(SECOND, "CREATE INDEX idx_orders_total ON app.orders (total);\n", "DROP INDEX app.idx_orders_total;\n")
    path = files.root / "migrations" / "app" / f"{SECOND}.sql"
    assert "index-not-concurrent" in files.inv("lint", str(path)).stdout
    scale = files.root / "migrations" / "scale.toml"
    scale.write_text("[app.orders]\nrows = 9_999\n")
    small = files.inv("lint", str(path))
    assert "warning index-not-concurrent" in small.stdout, small.stdout + small.stderr
    assert "By migrations/scale.toml app.orders has 9,999 rows. That is short." in small.stdout
    (files.root / "full.toml").write_text("[app.orders]\nrows = 10_000\n")
    large = files.inv("lint", str(path), "--scale", str(files.root / "full.toml"))
    assert large.returncode == 1
    assert "error index-not-concurrent" in large.stdout
    elsewhere = files.root / "elsewhere.sql"
    elsewhere.write_text("CREATE INDEX ON orders (total);\n")
    assert "warning index-not-concurrent" in files.inv("lint", str(elsewhere)).stdout
    scale.write_text("[app.orders]\nrow = 1\n")
    wrong = files.inv("lint", str(path))
    assert wrong.returncode == 2
    assert "migrations/scale.toml [app.orders] row: no such key" in wrong.stderr


def test_python_is_judged_by_its_steps(files: Project) -> None:
    """On the lines on which they stand; what a step calls is a note."""
    (files.root / "migrations" / "app" / f"{SECOND}.fill.py").write_text(
        "from yoyo import step\n\n\ndef fill(connection):\n    pass\n\n\nstep(\n    '''\n    DROP TABLE app.orders\n "
        "   ''',\n"
        "    'SELECT 1',\n)\nstep(fill, '')\n",
        encoding="utf-8",
    )
    told = findings(files)["findings"]
    (dropped,) = [one for one in told if one["rule"] == "drop-table"]
    assert dropped["line"] == 10
    assert "opaque-python" in [one["rule"] for one in told]


def test_fix_shows_a_difference_and_writes_when_told(files: Project) -> None:
    """The directive, CONCURRENTLY and IF NOT EXISTS; afterwards nothing is left to be found."""
    path = files.write(
        f"{SECOND}.index",
        "-- Index orders.\nCREATE INDEX idx_orders_total ON app.orders (total);\n",
        "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.idx_orders_total;\n",
    )
    before = path.read_text(encoding="utf-8")
    shown = files.inv("lint", "--fix")
    assert "+CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);" in shown.stdout
    assert path.read_text(encoding="utf-8") == before
    files.inv("lint", "--fix", "--yes")
    assert path.read_text(encoding="utf-8") == (
        "-- Index orders.\n-- transactional: false\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);\n"
    )
    assert rules(files) == []


def test_sarif_annotations_and_markdown(files: Project) -> None:
    """Each is valid for who reads it."""
    files.write(
        f"{SECOND}.bad",
        "-- lint: allow drop-column: a test of 100 %\nALTER TABLE app.orders DROP COLUMN note;\nUPDATE app.orders "
        "SET total = 0;\n",
        None,
    )
    log = json.loads(files.inv("lint", "--format", "sarif").stdout)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    (run,) = log["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert [one["ruleId"] for one in run["results"] if "suppressions" in one] == ["drop-column"]
    lines = files.inv("lint", "--format", "github").stdout.splitlines()
    assert any(line.startswith(f"::error file=migrations/app/{SECOND}.bad.sql,line=3,col=1,title=") for line in lines)
    assert all(re.match(r"::(error|warning|notice) \S+::.", line) for line in lines)
    comment = files.inv("lint", "--format", "markdown").stdout
    assert comment.startswith("<!-- schemata lint -->")
    assert comment.count("```") % 2 == 0
    assert "**update-without-where** (error)" in comment


def test_the_hook_for_other_repositories(files: Project) -> None:
    """What .pre-commit-hooks.yaml runs exists, and takes the files that it is given."""
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (hook,) = [one for one in hooks if one["id"] == "schemata-lint"]
    program, command, *arguments = hook["entry"].split()
    assert (hook["id"], program, command) == ("schemata-lint", "schemata", "lint")
    git(files, "init")
    git(files, "add", ".")
    git(files, "commit", "-m", "one")
    path = files.write(f"{SECOND}.drop", "DROP TABLE app.orders;\n", None)
    assert re.search(hook["files"], path.relative_to(files.root).as_posix())
    assert not re.search(hook["files"], "tasks.py")
    assert set(rules(files, *arguments, str(path))) == {"drop-table", "rollback-missing"}


def test_the_document_of_the_rules_is_what_they_say() -> None:
    """docs/lint-rules.md is written from them."""
    done = Project(REPOSITORY).run([sys.executable, "scripts/lint_rules.py", "--check"])
    assert done.returncode == 0, done.stderr
