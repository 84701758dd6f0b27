"""A part without calls is left as it is; only the columns that are used are carried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, State

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast


class Scan(Node):
    """A FROM clause without calls, taken over word for word; its columns get symbols when they are first used."""

    __slots__ = ("columns", "origin")

    def __init__(self, origin: Ast) -> None:
        super().__init__(())
        self.origin = origin
        self.columns: dict[tuple[str, ...], str] = {}

    def symbol(self, names: tuple[str, ...], state: State) -> str:
        """Return the symbol of a column that the FROM clause knows as `alias.name`."""
        if names not in self.columns:
            self.columns[names] = state.symbol()
            self.makes = frozenset(self.columns.values())
        return self.columns[names]

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT of the needed columns.

        >>> from ddb_aiquery._planner.examples import compare
        >>> compare("select ai_query('e', p) from t where k = 1")
        before: p1 p4
        after:  p1 p4
        """
        del state
        items = [
            ({"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": list(names)}, symbol)
            for names, symbol in sorted(self.columns.items(), key=lambda item: item[1])
            if symbol in need
        ]
        return ast.select(items, self.origin)

    def unsteady(self, state: State) -> bool:
        """Return whether reading it again may give other rows."""
        return state.functions.is_unsteady(self.origin)


class Table(Node):
    """A table that the planner made itself; `after` leaves out the rows up to that rowid."""

    __slots__ = ("after", "path")

    def __init__(self, path: tuple[str, str, str], outputs: frozenset[str], after: int | None = None) -> None:
        super().__init__({*outputs, "rowid"})
        self.path = path
        self.after = after

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT of the needed columns."""
        rows = None if self.after is None else _greater(ast.column("rowid"), ast.number(self.after))
        return ast.select([(ast.column(s), s) for s in sorted(need)], ast.table(self.path, state.alias()), rows)


def _greater(left: Ast, right: Ast) -> Ast:
    return {"class": "COMPARISON", "type": "COMPARE_GREATERTHAN", "left": left, "right": right}


def used_ctes(tree: Ast, state: State) -> list[str]:
    """Return the CTEs that the tree reads, directly or through others, in the order of their definition."""
    found: set[str] = set()
    open_trees = [tree]
    while open_trees:
        for part in ast.walk(open_trees.pop()):
            name = part.get("table_name")
            bare = part.get("type") == "BASE_TABLE" and not part.get("schema_name")
            if bare and name in state.ctes and name not in found:
                found.add(name)
                open_trees.append(state.ctes[name])
    return [name for name in state.ctes if name in found]
