"""Databricks' text as sqlglot reads it, with what sqlglot reads another way or passes over in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import ParseError, TokenError
from sqlglot.jsonpath import parse as parse_path
from sqlglot.parsers.databricks import DatabricksParser

from ddb_aiquery._translate.refusal import refuse
from ddb_aiquery.errors import CallError

_UNREAD = ("CONVERT", "DENY", "FSCK", "LIST", "REORG", "REPAIR", "RESET", "RESTORE", "SYNC", "UNDROP")
_STRUCT: Callable[[list[Any]], exp.Expr] = DatabricksParser.FUNCTIONS["NAMED_STRUCT"]


def _named_struct(arguments: list[exp.Expr]) -> exp.Expr:
    """Refuse a name without a value, which sqlglot would leave out."""
    if len(arguments) % 2:
        refuse(arguments[-1], "named_struct has a name without a value", "write named_struct('name', value, ...)")
    return _STRUCT(arguments)


class DatabricksText(Databricks):
    """A quote is doubled to stand inside its literal, as in Databricks since Spark 4; sqlglot joins two literals."""

    def to_json_path(self, path: exp.Expr | None) -> exp.Expr | None:
        """Refuse what is no path, which sqlglot would print and pass on."""
        if path is not None and path.is_string:
            try:
                parse_path(path.name, self)
            except (ParseError, TokenError):
                refuse(path, f"{path.name!r} is no path into JSON", "write '$.field[0]'")
        found: exp.Expr | None = super().to_json_path(path)
        return found

    class Tokenizer(Databricks.Tokenizer):
        """The words."""

        STRING_ESCAPES: ClassVar[list[str]] = ["'", '"', "\\"]

    class Parser(DatabricksParser):
        """The grammar."""

        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {
            **DatabricksParser.FUNCTIONS,
            "NAMED_STRUCT": _named_struct,
        }

        def _warn_unsupported(self) -> None:
            """Print nothing: a statement that sqlglot does not read is refused by name."""

        def _parse_statement(self) -> exp.Expr | None:
            """Name what the grammar has no statement for; sqlglot would find a column of that name."""
            word = self._curr.text.upper() if self._curr else ""
            if word in _UNREAD:
                raise CallError(f"{word} has no counterpart in DuckDB: leave it out")
            statement: exp.Expr | None = super()._parse_statement()
            return statement
