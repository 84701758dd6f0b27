"""Databricks SQL with AI functions to DuckDB SQL: sqlglot's translation, and rules for what it does not know.

Text is translated only when the user asks; queries run as they were written.
"""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError, UnsupportedError

from ddb_aiquery._translate.dialect import DatabricksText
from ddb_aiquery._translate.rules import ruled
from ddb_aiquery._translate.statements import added, checked
from ddb_aiquery.errors import CallError

_MISSING = re.compile(r"Required keyword: '(\w+)' missing for <class .*")
"""What sqlglot says where a function has too few arguments."""


def translate(sql: str) -> str:
    """Return Databricks SQL, one statement or several, as DuckDB SQL that calls the same AI functions.

    Strings in double quotes, backticks, named_struct, struct(*), DDL in from_json, collect_list, explode, LATERAL VIEW,
    `:` paths and read_files become what DuckDB has; arguments keep their names. Table names stay as they are.

    Raises:
        CallError: the text is no Databricks SQL, or has no counterpart in DuckDB; with line and column where known.
    """
    try:
        statements = [one for one in sqlglot.parse(sql, read=DatabricksText) if one is not None]
        return ";\n".join(_statement(one) for one in statements)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        what = str(first.get("description", error)).split(" but got <")[0].rstrip(".")
        what = _MISSING.sub(r"an argument is missing (\1)", what)
        place = f"line {first.get('line', '?')}, column {first.get('col', '?')}, at {first.get('highlight', '')!r}"
        raise CallError(f"This is no Databricks SQL ({place}): {what}") from None
    except RecursionError:
        raise CallError("The statement is nested too deep to be translated: split it") from None
    except TokenError:
        raise CallError("This is no Databricks SQL: look for a quote or a comment left open") from None
    except UnsupportedError as error:
        what = "; ".join(str(error).split("\n\n"))
        raise CallError(f"DuckDB has no counterpart for a part of this: {what}; rewrite it by hand") from None


def _statement(statement: exp.Expr) -> str:
    if isinstance(statement, exp.Command) and statement.name.upper() == "EXPLAIN" and statement.args.get("expression"):
        explained = re.sub(r"(?i)^\s*(?:CODEGEN|COST|EXTENDED|FORMATTED)\b", "", statement.expression.name)
        return f"EXPLAIN {translate(explained)}"
    written = [
        one.sql("duckdb", normalize_functions=False, unsupported_level=sqlglot.ErrorLevel.RAISE)
        for one in added(_rewritten(checked(statement)))
    ]
    return ";\n".join(written)


def _rewritten(statement: exp.Expr) -> exp.Expr:
    """Apply the rules from the leaves up, so that what a rule moves has been rewritten already."""
    for node in reversed(list(statement.dfs())):
        changed = ruled(node)
        if node is statement:
            statement = changed
        elif changed is not node:
            node.replace(changed)
    return statement
