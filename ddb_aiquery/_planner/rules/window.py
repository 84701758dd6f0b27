"""Window functions: calls above them wait until QUALIFY has run; calls inside are asked for wanted partitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, exactly, is_clean, loosely, tainted, used_beside

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class Window(Node):
    """The rows of a relation with the results of window functions beside them."""

    __slots__ = ("alive", "items", "rel")

    def __init__(self, rel: Rel, items: Sequence[tuple[str, Ast]], alive: str) -> None:
        unknown = tainted(rel.node)
        waits = {symbol for symbol, item in items if not rel.exact or not is_clean(item, unknown)}
        given = {symbol for symbol, _ in items} | {alive}
        exists = () if rel.exact else (alive,)
        super().__init__(given, [rel.node], {*waits, *exists}, passes=[rel.node])
        self.rel, self.items, self.alive = rel, items, alive

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT with the windows; while answers are missing, over all rows and without those."""
        ready = state.is_ready(self)
        values = dict(self.items)
        items = [(values.get(symbol, ast.column(symbol)), symbol) for symbol in sorted(need - {self.alive})]
        items += [(ast.boolean(True), self.alive)] if self.alive in need else []
        return exactly(self.rel, items, state) if ready else loosely(self.rel, items, state)

    def unsteady(self, state: State) -> bool:
        """Return whether a window depends on the order of peers."""
        return any(state.functions.is_unsteady(item) for _, item in self.items)

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what the windows need, for the partitions that are wanted above."""
        wanted = [item for symbol, item in self.items if symbol in solver.used]
        if wanted or around is None:
            keys = _shared_partition(wanted)
        else:  # no window is read: every row stands for itself
            keys = [ast.column(s) for s in sorted(used_beside(self, around.rel.node) & self.rel.node.outputs)]
        clean = [key for key in keys if is_clean(key, solver.unknown(self.rel.node))]
        demand = solver.demand(around, self, [(key, key) for key in clean]) if clean else []
        solver.solve(self.rel, wanted, demand)

    def expressions(self) -> Iterator[Ast]:
        """Yield the window functions."""
        yield from (item for _, item in self.items)


def _shared_partition(items: Sequence[Ast]) -> list[Ast]:
    """Return the PARTITION BY expressions that all windows have."""
    windows = [part for item in items for part in ast.walk(item) if part.get("class") == "WINDOW"]
    if not windows:
        return []
    others = [{ast.fingerprint(key) for key in window.get("partitions", ())} for window in windows[1:]]
    first = windows[0].get("partitions", ())
    return [key for key in first if all(ast.fingerprint(key) in other for other in others)]


def windowed(rel: Rel, items: Sequence[tuple[str, Ast]], alive: str) -> Rel:
    """Return a relation with window functions beside its columns.

    >>> from ddb_aiquery._planner.examples import compare
    >>> compare("select ai_query('e', p) from t qualify row_number() over (partition by k order by id) = 1 and k = 2")
    before: p2
    after:  p2
    """
    node = Window(rel, items, alive)
    return Rel(node, [ast.column(alive)] if alive in node.tainted else [], rel.order)
