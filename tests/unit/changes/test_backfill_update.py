"""The UPDATE of a backfill file is cut where its clauses are, whatever is written in between."""

import pytest
from postgast import pg_query_pb2 as pg

from schemata.changes.backfill import keys, update
from schemata.migrations import leading_comment, migration
from schemata.sql import parser
from tests.unit.cases import named

KEY = keys.Key((keys.Column("id", "bigint"),), '"t"')
PAIR = keys.Key((keys.Column("tenant", "integer"), keys.Column("id", "bigint")), '"t"')


def file(sql: str) -> migration.Migration:
    """Return a backfill file of this text."""
    directives = leading_comment.parse_directives(sql, "b.sql")
    return migration.Migration("app.20250101000000.b", "app", "20250101000000", "b", "b.sql", sql, "x", directives)


CASES = named(
    ("sql", "alias", "sources", "where"),
    [
        ("plain", "UPDATE app.t SET a = b WHERE a IS NULL;", '"t"', "", "a IS NULL"),
        ("alias", "UPDATE app.t AS c SET a = b WHERE c.a IS NULL", '"c"', "", "c.a IS NULL"),
        ("alias without AS", "UPDATE app.t C SET a = b WHERE c.a IS NULL", '"c"', "", "c.a IS NULL"),
        (
            "join",
            "UPDATE app.t SET a = o.b FROM app.o JOIN app.p USING (q) WHERE o.id = t.id AND a IS DISTINCT FROM o.b",
            '"t"',
            "app.o JOIN app.p USING (q)",
            "o.id = t.id AND a IS DISTINCT FROM o.b",
        ),
        (
            "distinct from before the WHERE",
            "UPDATE app.t SET done = a IS DISTINCT FROM b WHERE NOT done",
            '"t"',
            "",
            "NOT done",
        ),
        (
            "not distinct from before a FROM",
            "UPDATE app.t SET done = a IS NOT DISTINCT FROM b FROM app.o WHERE NOT done",
            '"t"',
            "app.o",
            "NOT done",
        ),
        (
            "subqueries",
            "UPDATE app.t SET a = (SELECT max(b) FROM app.o WHERE o.id = t.id), c = substring(d FROM 2)"
            " WHERE (SELECT count(*) FILTER (WHERE true) FROM app.o WHERE o.id = t.id) = 1",
            '"t"',
            "",
            "(SELECT count(*) FILTER (WHERE true) FROM app.o WHERE o.id = t.id) = 1",
        ),
        (
            "comments",
            "-- Title where from.\n\nUPDATE app.t -- where\n SET a = 'where' /* from */ WHERE a IS NULL -- from\n ;",
            '"t"',
            "",
            "a IS NULL",
        ),
        (
            "comment in the sources",
            "UPDATE app.t SET a = o.b FROM app.o -- where\n WHERE o.id = t.id AND a IS NULL",
            '"t"',
            "app.o -- where",
            "o.id = t.id AND a IS NULL",
        ),
        (
            "quoted names",
            'UPDATE "A b"."T ""ü""" SET "where" = 1, "from" = 2 WHERE "T ""ü"""."where" IS NULL OR "from" <> 2',
            '"T ""ü"""',
            "",
            '"T ""ü"""."where" IS NULL OR "from" <> 2',
        ),
        (
            "reserved words behind a dot",
            "UPDATE app.t SET a = t.where || t.from WHERE t.where IS NULL",
            '"t"',
            "",
            "t.where IS NULL",
        ),
        (
            "dollar quotes",
            "UPDATE app.t SET a = $x$ where from $x$ WHERE a = $$ where $$",
            '"t"',
            "",
            "a = $$ where $$",
        ),
        (
            "common table expression",
            "WITH n AS (SELECT 1 AS q WHERE true) UPDATE app.t SET a = q FROM n WHERE a IS NULL",
            '"t"',
            "n",
            "a IS NULL",
        ),
        ("letters of several bytes", "UPDATE app.t SET a = 'äöü€𝄞' WHERE a <> 'äöü€𝄞'", '"t"', "", "a <> 'äöü€𝄞'"),
    ],
)


@CASES
def test_the_parts(sql: str, alias: str, sources: str, where: str) -> None:
    """Alias, sources and condition are those that PostgreSQL's parser sees."""
    cut = update.parse(file(sql))
    assert (cut.alias, cut.sources) == (alias, sources)
    assert conjuncts(condition(cut.where)) == conjuncts(condition(where))


@CASES
def test_what_is_made_of_them_keeps_the_condition(sql: str, alias: str, sources: str, where: str) -> None:
    """The UPDATE of a batch and its subquery have the file's condition and the range's, and nothing else."""
    cut = update.parse(file(sql))
    key = keys.Key(PAIR.columns, cut.alias)
    within = key.between(("1", "5"), ("2", "7"))
    original = parser.parse(sql).stmts[0].stmt.update_stmt
    expected = [*conjuncts(original.where_clause), *conjuncts(condition(within))]
    batch = parser.parse(cut.batch(key, within, f"FOR NO KEY UPDATE OF {cut.alias} SKIP LOCKED")).stmts[0]
    *own, last = conjuncts(batch.stmt.update_stmt.where_clause)
    assert own == expected
    assert last.startswith("sub_link")
    added = batch.stmt.update_stmt.where_clause.bool_expr.args[-1].sub_link.subselect.select_stmt
    assert conjuncts(added.where_clause) == expected
    assert len(added.from_clause) == 1 + len(original.from_clause)
    assert [item.locking_clause.wait_policy for item in added.locking_clause] == [2]  # LockWaitSkip
    counted = parser.parse(cut.selected("count(*)", within)).stmts[0].stmt.select_stmt
    assert conjuncts(counted.where_clause) == expected


def condition(text: str) -> pg.Node:
    """Return the parse tree of a condition."""
    return parser.parse(f"SELECT 1 WHERE {text}").stmts[0].stmt.select_stmt.where_clause


def conjuncts(node: pg.Node) -> list[str]:
    """Return what AND joins, as trees without where their parts stand."""
    if node.HasField("bool_expr") and node.bool_expr.boolop == pg.AND_EXPR:
        return [text for part in node.bool_expr.args for text in conjuncts(part)]
    return ["\n".join(line for line in str(node).splitlines() if "location:" not in line)]


def test_a_position_of_the_server_is_one_of_the_file() -> None:
    """What stands in the condition or before it is found in the file; what was added is nowhere in it."""
    sql = "-- Title.\n\nUPDATE app.t\nSET a = b\nWHERE missing IS NULL\n;\n"
    cut = update.parse(file(sql))
    made = cut.batch(KEY, KEY.between(None, ("9",)), "FOR NO KEY UPDATE SKIP LOCKED")
    assert cut.line(sql, made.index("SET") + 1) == 4
    assert cut.line(sql, made.index("missing") + 1) == 5
    assert cut.line(sql, made.index("SKIP") + 1) is None
    assert cut.line(sql, None) is None


@named(
    ("sql", "says"),
    [
        ("no WHERE", "UPDATE app.t SET a = 1;", "has no WHERE"),
        (
            "two statements",
            "UPDATE app.t SET a = 1 WHERE b;\nUPDATE app.t SET a = 2 WHERE b;",
            "b.sql:2: a backfill is one",
        ),
        ("none", "-- Nothing.\n", "this file has 0"),
        ("no UPDATE", "DELETE FROM app.t WHERE b;", "a backfill is an UPDATE, and this is DELETE"),
        ("no schema", "UPDATE t SET a = 1 WHERE b;", "the table t is named without its schema"),
        ("returning", "UPDATE app.t SET a = 1 WHERE b RETURNING a;", "has RETURNING"),
        ("cursor", "UPDATE app.t SET a = 1 WHERE CURRENT OF c;", "needs a cursor"),
        (
            "writes in WITH",
            "WITH gone AS (DELETE FROM app.o RETURNING id) UPDATE app.t SET a = 1 WHERE b;",
            "WITH gone changes rows",
        ),
        ("a syntax error", "UPDATE app.t SET WHERE b;", "b.sql:1: syntax error"),
        ("another mode", "-- T.\n-- mode: statements\n\nUPDATE app.t SET a = 1 WHERE b;", "`-- mode: statements`"),
    ],
)
def test_what_is_refused(sql: str, says: str) -> None:
    """What cannot be done in batches is refused with the form that can."""
    with pytest.raises(migration.InvalidMigration) as refused:
        update.parse(file(sql))
    assert says in refused.value.message
    assert "UPDATE app.customers SET" in refused.value.hint


def index(name: str = "t_pkey", **changed: object) -> dict[str, object]:
    """Return a unique index of the column id as the catalog describes it."""
    column = {
        "name": "id",
        "type": "bigint",
        "not_null": True,
        "option": 0,
        "default_order": True,
        "operators": "pg_catalog",
        "is_time": False,
    }
    column |= {name: value for name, value in changed.items() if name in column and name != "name"}
    whole = {
        "name": name,
        "primary": name == "t_pkey",
        "valid": True,
        "method": "btree",
        "partial": False,
        "expressions": False,
        "columns": [column],
    }
    return whole | {name: value for name, value in changed.items() if name in whole}


@named(
    ("indexes", "chosen", "reason"),
    [
        ("the primary key", [index("t_a"), index()], ("id",), ""),
        ("another unique index", [index("t_a")], ("id",), ""),
        ("none at all", [], None, ""),
        ("partial", [index("t_a", partial=True)], None, "t_a is partial"),
        ("of an expression", [index("t_a", expressions=True)], None, "t_a is of an expression"),
        ("nullable", [index("t_a", not_null=False)], None, "t_a has id, which may be NULL"),
        ("invalid", [index("t_a", valid=False)], None, "t_a is not valid"),
        ("another method", [index("t_a", method="gist")], None, "t_a is of the kind gist"),
        ("another order", [index("t_a", default_order=False)], None, "t_a is not in the usual order of id"),
        (
            "the next best",
            [index(default_order=False), index("t_a")],
            ("id",),
            "t_pkey is not in the usual order of id",
        ),
    ],
)
def test_the_key(indexes: list[dict[str, object]], chosen: tuple[str, ...] | None, reason: str) -> None:
    """The primary key is walked by, or the first unique index that can be; why another cannot is told."""
    key, reasons = keys.choose(indexes, '"t"', ())
    assert (key.names if key else None) == chosen
    assert reasons == ([reason] if reason else [])


def test_a_key_that_the_update_sets_is_none() -> None:
    """Rows that move while they are walked through would be met twice, or never."""
    key, reasons = keys.choose([index()], '"t"', ("id",))
    assert key is None
    assert reasons == ["t_pkey has id, which the UPDATE sets"]


def test_a_composite_key_is_of_one_direction_and_one_schema() -> None:
    """A comparison of rows is served by an index in one direction, and has one operator."""
    columns = [
        *index()["columns"],  # type: ignore[misc]
        {**index()["columns"][0], "name": "at", "option": 3},  # type: ignore[index]
    ]
    key, reasons = keys.choose([index(columns=columns)], '"t"', ())
    assert key is None
    assert reasons == ["t_pkey is ascending in one column and descending in another"]
    columns[1] |= {"option": 0, "operators": "citext"}
    assert keys.choose([index(columns=columns)], '"t"', ())[1] == [
        "t_pkey has columns whose types are of different schemas"
    ]


def test_a_value_stays_what_it_is_in_sql() -> None:
    """Quotes and backslashes of a key's text are quoted, and each value has its type."""
    text = keys.Key((keys.Column("a", "text"), keys.Column("b", "uuid")), '"t"')
    assert text.compared(">", ("it's \\", "x")) == (
        'ROW("t"."a", "t"."b") OPERATOR("pg_catalog".>) ROW( E\'it\'\'s \\\\\'::text, \'x\'::uuid)'
    )
    assert text.among([("a", "b")]).startswith('(ROW("t"."a", "t"."b") OPERATOR("pg_catalog".=) ROW(')
    assert KEY.among([("1",), ("2",)]) == '"t"."id" OPERATOR("pg_catalog".=) ANY (ARRAY[\'1\'::bigint, \'2\'::bigint])'
