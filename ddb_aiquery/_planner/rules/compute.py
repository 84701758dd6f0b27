"""What must run at its own place: unnest, volatile functions, set operations, joins that pad or pair by position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import Node, Rel, State, columns, exactly, is_clean, loosely, sided, source, tainted

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.stages import Around, Solver


class Compute(Node):
    """The rows of a relation with computed columns beside them; unnest may make more rows of one."""

    __slots__ = ("items", "rel")

    def __init__(self, rel: Rel, items: Sequence[tuple[str, Ast]]) -> None:
        unknown = tainted(rel.node)
        clean = all(is_clean(item, unknown) for _, item in items)
        made = {symbol for symbol, _ in items}
        super().__init__(made, [rel.node] if clean else [], passes=[rel.node], blocked=not clean)
        self.rel, self.items = rel, list(items)

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT that computes every item, needed or not: unnest decides how many rows there are."""
        passed = need - {symbol for symbol, _ in self.items}
        return exactly(self.rel, [*columns(passed), *((item, symbol) for symbol, item in self.items)], state)

    def unsteady(self, state: State) -> bool:
        """Return whether an item is volatile."""
        return any(state.functions.is_unsteady(item) for _, item in self.items)

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what the items need."""
        del around
        solver.solve(self.rel, [item for _, item in self.items], [])

    def expressions(self) -> Iterator[Ast]:
        """Yield the items."""
        yield from (item for _, item in self.items)


class Lateral(Node):
    """A table function applied to each row of a relation."""

    __slots__ = ("demand", "function", "names", "rel")

    def __init__(self, rel: Rel, function: Ast, names: dict[str, str]) -> None:
        clean = rel.exact and is_clean(function, tainted(rel.node))
        made = set(names.values())
        super().__init__(made, [rel.node] if clean else [], passes=[rel.node], blocked=not clean)
        self.rel, self.function, self.names = rel, function, names
        self.demand: list[Ast] = []
        """Which rows are wanted above, if that is known before it is answered."""

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT over the rows and the function's rows."""
        arguments = state.alias()
        passed = need - set(self.names.values())
        inputs = [(argument["expression"], f"a{at}") for at, argument in enumerate(self.function["arguments"])]
        rows = ast.derived(exactly(self.rel, [*columns(passed), *inputs], state), arguments)
        given = [{**argument, "expression": _of(arguments, f"a{at}")} for at, argument in enumerate(
            self.function["arguments"])]  # fmt: skip
        alias = state.alias()
        call = {
            "type": "TABLE_FUNCTION",
            "alias": alias,
            "function": {**self.function, "arguments": given},
            "column_name_alias": list(self.names),
        }
        listed = [(_of(arguments, s), s) for s in sorted(passed)]
        listed += [(_of(alias, name), symbol) for name, symbol in self.names.items() if symbol in need]
        return ast.select(listed, ast.join("INNER", rows, call, None))

    def unsteady(self, state: State) -> bool:
        """Return whether the function's rows may change."""
        return state.functions.is_unsteady({"type": "TABLE_FUNCTION", "function": self.function})

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what the function's arguments need."""
        del around
        solver.solve(self.rel, [argument["expression"] for argument in self.function["arguments"]], self.demand)

    def expressions(self) -> Iterator[Ast]:
        """Yield the arguments."""
        yield self.function


def _of(alias: str, name: str) -> Ast:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [alias, name]}


class Whole(Node):
    """INTERSECT or EXCEPT: while answers are missing, the rows of the first branch; `alive` in those that stay."""

    __slots__ = ("alive", "branches", "keep_all", "kind", "names")

    def __init__(
        self,
        kind: str,
        branches: Sequence[tuple[Rel, Sequence[Ast]]],
        names: Sequence[str],
        alive: str,
        *,
        keep_all: bool,
    ) -> None:
        columns_of = [[is_clean(out, tainted(rel.node)) for out in outs] for rel, outs in branches]
        late = {name for at, name in enumerate(names) if not all(clean[at] for clean in columns_of)}
        clean = not late and all(rel.exact for rel, _ in branches)
        shown = [rel.node for rel, _ in branches] if clean else [branches[0][0].node]
        super().__init__({*names, alive}, shown, () if clean else {*late, alive})
        self.kind, self.branches, self.names, self.keep_all = kind, list(branches), list(names), keep_all
        self.alive = alive

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the set operation; it needs all its columns, whichever are used."""
        if not state.is_ready(self):
            rel, outs = self.branches[0]
            return loosely(
                rel, [(out, name) for name, out in zip(self.names, outs, strict=True) if name in need], state
            )
        queries = [exactly(rel, list(zip(outs, self.names, strict=True)), state) for rel, outs in self.branches]
        inner = ast.derived(ast.set_operation(self.kind, queries, keep_all=self.keep_all), state.alias())
        return ast.select([*columns(need - {self.alive}), *_true(self.alive, need)], inner)

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what the branches need, for the rows that are wanted above."""
        clean = [at for at, name in enumerate(self.names) if name not in self.tainted]
        (first, ours), *others = self.branches
        wanted = solver.demand(around, self, [(ast.column(self.names[at]), ours[at]) for at in clean])
        if self.kind == "INTERSECT":
            for rel, outs in others:
                solver.settle(rel.node)
                unknown = solver.unknown(rel.node) | solver.unknown(first.node)
                alike = [(b, a) for a, b in zip(ours, outs, strict=True) if is_clean([a, b], unknown)]
                wanted = [*wanted, *solver.matching(Rel(rel.node), [], alike)]
        solver.solve(first, list(ours), wanted)
        for rel, outs in others:
            known = [at for at, out in enumerate(outs) if is_clean(out, solver.unknown(rel.node))]
            solver.solve(rel, list(outs), solver.matching(first, wanted, [(ours[at], outs[at]) for at in known]))

    def expressions(self) -> Iterator[Ast]:
        """Yield the branches' columns."""
        yield from (out for _, outs in self.branches for out in outs)


def _true(symbol: str, need: frozenset[str]) -> list[tuple[Ast, str]]:
    return [(ast.boolean(True), symbol)] if symbol in need else []


class Padded(Node):
    """A FULL, ASOF or POSITIONAL join; markers are TRUE where a side has a row."""

    __slots__ = ("conditions", "kind", "left", "markers", "reference", "right")

    def __init__(
        self, kind: str, reference: str, left: Rel, right: Rel, conditions: Sequence[Ast], markers: tuple[str, str]
    ) -> None:
        unknown = tainted(left.node) | tainted(right.node)
        clean = left.exact and right.exact and all(is_clean(condition, unknown) for condition in conditions)
        sides = [left.node, right.node]
        super().__init__(markers, sides if clean else [], passes=sides, blocked=not clean)
        self.kind, self.reference, self.left, self.right = kind, reference, left, right
        self.conditions, self.markers = list(conditions), markers

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT over the join."""
        *compared, conditions = sided(self.conditions, self.left.node.outputs, self.right.node.outputs, state)
        sides = []
        for rel, marker, values in zip((self.left, self.right), self.markers, compared, strict=True):
            items = [*columns(need & rel.node.outputs), *values, (ast.boolean(True), marker)]
            sides.append(ast.derived(exactly(rel, items, state), state.alias()))
        both = ast.join(self.kind, sides[0], sides[1], ast.both(conditions), self.reference)
        return ast.select(columns(need), both)

    def unsteady(self, state: State) -> bool:
        """Return whether rows are paired by their position."""
        del state
        return self.reference != "REGULAR"

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Ask what the sides need, then what the conditions need of each side."""
        del around
        state = solver.state
        *compared, _ = sided(self.conditions, self.left.node.outputs, self.right.node.outputs, state)
        for rel, values in zip((self.left, self.right), compared, strict=True):
            solver.solve(rel, [value for value, _ in values], [])

    def expressions(self) -> Iterator[Ast]:
        """Yield the conditions."""
        yield from self.conditions


class CteReading(Node):
    """One of several readings of a CTE with calls: its own symbols, the rows of the one tree."""

    __slots__ = ("names", "tree")

    def __init__(self, tree: Node, names: dict[str, str], *, blocked: bool, waits: frozenset[str]) -> None:
        super().__init__(names.values(), (), {names[symbol] for symbol in waits}, blocked=blocked)
        self.tree, self.names = tree, names

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return the SELECT that renames the tree's symbols."""
        wanted = {old: new for old, new in self.names.items() if new in need}
        inner = source(self.tree, frozenset(wanted), state)
        return ast.select([(ast.column(old), new) for old, new in sorted(wanted.items())], inner)

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Answer the tree once, for all its readers."""
        del around
        solver.settle(self.tree)
        solver.finish(self.tree, self.names)
