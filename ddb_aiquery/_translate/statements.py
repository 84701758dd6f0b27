"""Whole statements: what DuckDB has no counterpart for is refused by name, the rest in DuckDB's words."""

from __future__ import annotations

from types import MappingProxyType

from sqlglot import exp

from ddb_aiquery._translate.creation import REFRESHED, uncommented
from ddb_aiquery._translate.refusal import refuse
from ddb_aiquery.errors import CallError

_TAKEN = (
    exp.Alter,
    exp.Comment,
    exp.Commit,
    exp.Create,
    exp.Delete,
    exp.Describe,
    exp.Drop,
    exp.Insert,
    exp.Merge,
    exp.Query,
    exp.Rollback,
    exp.Set,
    exp.Transaction,
    exp.TruncateTable,
    exp.Update,
    exp.Use,
    exp.Values,
)
_REFUSED = (exp.Analyze, exp.Cache, exp.Copy, exp.Declare, exp.Grant, exp.Kill, exp.Refresh, exp.Revoke, exp.Uncache)
_BETWEEN = frozenset({"OR", "REFRESH", "REPLACE"})
_REMEDIES = MappingProxyType(
    {
        "CREATE LIVE": REFRESHED,
        "COPY": "write INSERT INTO t SELECT * FROM read_files(...)",
        "DECLARE": "write SET VARIABLE x = ..., and getvariable('x')",
        "EXECUTE IMMEDIATE": "translate the text that it would run",
        "SHOW": "DuckDB's own SHOW and DESCRIBE need no translation",
    }
)
_OF_MANY_KINDS = ("ALTER", "CREATE", "DROP", "EXECUTE", "MSCK REPAIR")


def checked(statement: exp.Expr) -> exp.Expr:
    """Return the statement where DuckDB has a counterpart for it.

    Raises:
        CallError: it has none, or the text is no statement.
    """
    if isinstance(statement, (exp.Command, *_REFUSED)):
        name = statement.name.upper() if isinstance(statement, exp.Command) else type(statement).__name__.upper()
        if name in _OF_MANY_KINDS and statement.args.get("expression"):
            words = str(statement.expression).strip("' ").upper().split()
            name = " ".join([name, *[word for word in words if word not in _BETWEEN][:1]])
        raise CallError(f"{name} has no counterpart in DuckDB: {_REMEDIES.get(name, 'leave it out')}")
    if not isinstance(statement, _TAKEN):
        text = statement.sql("databricks")
        raise CallError(f"This is no statement: {text[:60]!r}. Give the text of one, not a part or a file's name")
    return statement


def insert(node: exp.Expr) -> exp.Expr:
    """DuckDB's INSERT neither overwrites nor knows partitions."""
    if node.args.get("overwrite"):
        raise CallError("INSERT OVERWRITE has no counterpart in DuckDB: write CREATE OR REPLACE TABLE t AS SELECT ...")
    if node.args.get("partition") or (isinstance(node.this, exp.Table) and node.this.args.get("partition")):
        raise CallError(
            "INSERT ... PARTITION has no counterpart in DuckDB: name the columns, and give the partition's value as one"
        )
    if isinstance(node.this, exp.Tuple):  # of a MERGE
        for column in node.this.expressions:
            _bare(column, _target(node))
    return node


def update(node: exp.Expr) -> exp.Expr:
    """SET takes the bare names of columns."""
    for one in node.expressions:
        if isinstance(one, exp.EQ):
            _bare(one.this, _target(node))
    return node


def _target(node: exp.Expr) -> str:
    merge = node.find_ancestor(exp.Merge)
    table = node.this if merge is None else merge.this
    return str(table.alias_or_name)


def _bare(column: exp.Expr, target: str) -> None:
    if not isinstance(column, exp.Column) or not column.table:
        return
    if column.table.lower() != target.lower():
        refuse(column, f"DuckDB sets whole columns, not {column.sql('databricks')}", "set the column to a new STRUCT")
    for part in ("table", "db", "catalog"):
        column.set(part, None)


def setting(node: exp.Expr) -> exp.Expr:
    """SET of a variable is DuckDB's too; Spark's settings are not."""
    for one in node.expressions:
        if one.args.get("kind") != "VARIABLE":
            name = one.this.this.sql("databricks") if isinstance(one.this, exp.EQ) else one.sql("databricks")
            raise CallError(
                f"SET {name} has no counterpart in DuckDB: leave it out; DuckDB's own settings need no translation"
            )
    return node


def alter(node: exp.Expr) -> exp.Expr:
    """Comments of new columns are left out; properties of a table are refused."""
    for column in node.find_all(exp.ColumnDef):
        uncommented(column)
    actions = node.args["actions"]
    if any(isinstance(one, exp.AlterSet) for one in actions):
        raise CallError("ALTER ... SET of properties has no counterpart in DuckDB: leave it out")
    return node


def added(statement: exp.Expr) -> list[exp.Expr]:
    """Return one statement for each column that an ALTER adds: DuckDB adds them one by one."""
    first = next(iter(statement.args["actions"]), None) if isinstance(statement, exp.Alter) else None
    if not isinstance(first, exp.Schema):
        return [statement]
    each = []
    for column in first.expressions:
        one = statement.copy()
        one.set("actions", [column.copy()])
        each.append(one)
    return each


def select(node: exp.Expr) -> exp.Expr:
    """Hints change no result."""
    node.set("hint", None)
    return node


def table(node: exp.Expr) -> exp.Expr:
    """DuckDB's tables have one version."""
    at_sign = isinstance(node.args["alias"].this, exp.Parameter) if node.args.get("alias") else False
    if node.args.get("version") or node.args.get("when") or at_sign:
        refuse(node, "A table AS OF a version has no counterpart in DuckDB", "read the table as it is, or a copy")
    return node


def stream(node: exp.Expr) -> exp.Expr:
    """DuckDB has no tables that are read on from where they were read to."""
    refuse(node, "STREAM has no counterpart in DuckDB", "leave it out; what was asked before is not asked again")


def identifier(node: exp.Expr) -> exp.Expr:
    """IDENTIFIER of a text is the name in it, of a table where one stands."""
    name = node.expressions[0] if node.expressions else node
    if not name.is_string:
        refuse(node, "IDENTIFIER takes a text here", "write the name itself")
    if isinstance(node.parent, exp.Table):
        return node
    return exp.to_column(name.name, dialect="databricks")


def named(node: exp.Expr) -> exp.Expr:
    """A table may be named by IDENTIFIER."""
    call = node.this
    if isinstance(call, exp.Anonymous) and call.name.lower() == "identifier":
        for part, value in exp.to_table(call.expressions[0].name, dialect="databricks").args.items():
            node.set(part, value or node.args.get(part))
    return node


def use(node: exp.Expr) -> exp.Expr:
    """USE takes the name alone."""
    node.set("kind", None)
    return node
