"""A query as a tree of operators in which calls have been carried up as far as they can go.

Every column is a symbol. A `Rel` is a tree that gives rows without one call, plus predicates with calls that are
*pending*: the true rows are those of the tree for which all of them hold. A node that cannot be computed before a
call is answered is a `Barrier`: until it is answered it may still show itself *loosely*, as a superset of its rows in
which its `tainted` columns are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.calls import Unplannable, has_call, is_answer, tries

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast
    from ddb_aiquery._planner.functions import Functions
    from ddb_aiquery._planner.stages import Around, Solver

Items = list[tuple["Ast", str]]

PREFIX = "__ai_"
"""Begins every name that the planner makes up; inside its own subqueries only, so a user's names never meet them."""


@dataclass(slots=True, eq=False)
class State:
    """What has happened so far to one statement's plan: what is answered and kept, and how answers are looked up."""

    functions: Functions
    look_up: Callable[[Ast], Ast]
    ready: set[Node] = field(default_factory=set)
    kept: dict[Node, tuple[str, str, str]] = field(default_factory=dict)
    dear: set[Node] = field(default_factory=set)
    """Nodes that took long to read: before they are read again, they are kept."""
    ctes: dict[str, Ast] = field(default_factory=dict)
    """Call-free CTEs by their unique names, in an order in which each refers only to earlier ones."""
    counter: int = 0

    def symbol(self) -> str:
        """Return a new symbol."""
        self.counter += 1
        return f"{PREFIX}c{self.counter}"

    def alias(self) -> str:
        """Return a new table alias."""
        self.counter += 1
        return f"{PREFIX}t{self.counter}"

    def answered(self, expression: Any) -> Any:
        """Return the expression with its calls looked up in the answers.

        Raises:
            Unplannable: a call stands within TRY, which takes no subquery.
        """
        if tries(expression):
            raise Unplannable("a call inside TRY")
        return ast.rewrite(expression, lambda part: self.look_up(part) if is_answer(part) else None)

    def is_ready(self, node: Node) -> bool:
        """Return whether the node shows its exact rows."""
        return (not node.tainted and not node.blocked) or node in self.ready


class Node:
    """One operator: what it makes itself, whose columns it passes on, and which nodes compute rows for it directly."""

    __slots__ = ("blocked", "children", "hides", "makes", "passes", "waits")
    loose = False
    """Whether a blocked node can show a superset of its rows."""

    def __init__(
        self,
        makes: Iterable[str],
        children: Iterable[Node] = (),
        waits: Iterable[str] = (),
        *,
        passes: Iterable[Node] = (),
        hides: Iterable[Node] = (),
        blocked: bool = False,
    ) -> None:
        self.makes = frozenset(makes)
        self.passes = tuple(passes)
        self.children = tuple(children)
        self.hides = tuple(hides)
        self.waits = frozenset(waits)
        self.blocked = blocked

    @property
    def tainted(self) -> frozenset[str]:
        """The symbols that are unknown until the node is answered: some of its own, or all that come from a side."""
        return self.waits.union(*(node.outputs for node in self.hides))

    @property
    def outputs(self) -> frozenset[str]:
        """The symbols that it gives, tainted ones included; a scan's grow with every column that is used."""
        return self.makes.union(*(node.outputs for node in self.passes))

    def render(self, need: frozenset[str], state: State) -> Ast:
        """Return a SELECT that gives the needed symbols."""
        raise NotImplementedError

    def solve(self, solver: Solver, around: Around | None) -> None:
        """Have what the node waits for answered; `around` is where it stands, None if nobody knows."""
        raise NotImplementedError

    def unsteady(self, state: State) -> bool:
        """Return whether this operator itself may give other rows when it runs again."""
        del state
        return False

    def expressions(self) -> Iterator[Ast]:
        """Yield the expressions that the operator evaluates."""
        yield from ()


@dataclass(slots=True, eq=False)
class Rel:
    """A tree, the predicates still to be applied to it, and the order that its rows have."""

    node: Node
    pending: list[Ast] = field(default_factory=list)
    order: list[Ast] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether the tree's rows are the relation's rows whatever the answers are."""
        return not self.pending


def nodes(top: Node) -> Iterator[Node]:
    """Yield the nodes of a tree that compute rows for it directly, parents first; not those below barriers."""
    yield top
    for child in top.children:
        if isinstance(child, Node):
            yield from nodes(child)


def reads(node: Node) -> Iterator[Rel]:
    """Yield what an operator reads, as relations, also where a barrier stands between."""
    slots = (
        name
        for kind in type(node).__mro__
        for name in getattr(kind, "__slots__", ())
        if name not in {"children", "passes", "hides"}
    )
    for name in slots:
        value = getattr(node, name, None)
        for part in value if isinstance(value, list | tuple) else [value]:
            part = part[0] if isinstance(part, tuple) else part  # noqa: PLW2901 (with its columns)
            if isinstance(part, Rel):
                yield part
            elif isinstance(part, Node):
                yield Rel(part)


def owners(top: Node) -> dict[str, Node]:
    """Return for each tainted symbol of the tree the barrier that will tell it."""
    return {symbol: node for node in nodes(top) for symbol in node.tainted}


def tainted(top: Node) -> frozenset[str]:
    """Return the symbols of the tree that are unknown until a barrier is answered."""
    return frozenset(symbol for node in nodes(top) for symbol in node.tainted)


def is_clean(expression: Any, unknown: frozenset[str]) -> bool:
    """Return whether the expression needs no answer."""
    return not has_call(expression) and not (ast.symbols(expression) & unknown)


def needs(expressions: Iterable[Any]) -> frozenset[str]:
    """Return the symbols of several expressions."""
    return frozenset(symbol for expression in expressions for symbol in ast.symbols(expression))


def used_beside(node: Node, top: Node) -> frozenset[str]:
    """Return the symbols that a tree's operators use, those of one node left out."""
    return needs(e for part in nodes(top) if part is not node for e in part.expressions())


def source(node: Node, need: frozenset[str], state: State) -> Ast:
    """Return the node as a table of a FROM clause that gives the needed symbols."""
    return ast.derived(shown(node, need & node.outputs, state), state.alias())


def shown(node: Node, need: frozenset[str], state: State) -> Ast:
    """Return the node's SELECT, or that of the table in which its rows are kept."""
    if (path := state.kept.get(node)) is not None:
        return ast.select([(ast.column(s), s) for s in sorted(need)], ast.table(path, state.alias()))
    return node.render(need, state)


def exactly(rel: Rel, items: Items, state: State, modifiers: Iterable[Ast] = ()) -> Ast:
    """Return a SELECT of expressions over the true rows of a relation whose calls are answered.

    Answers are looked up below the expressions: DuckDB takes a subquery neither in PARTITION BY nor twice as a key.
    """
    return _lifted(rel, items, state, rel.pending, list(modifiers))


def _lifted(rel: Rel, items: Items, state: State, where: Sequence[Ast], modifiers: Sequence[Ast] = ()) -> Ast:
    found: dict[str, tuple[Ast, str]] = {}

    def change(part: Ast) -> Ast | None:
        if not is_answer(part):
            return None
        _, symbol = found.setdefault(ast.fingerprint(part), (part, state.symbol()))
        return ast.column(symbol, part.get("alias", ""))

    early, late = [p for p in where if not tries(p)], [ast.rewrite(p, change) for p in where if tries(p)]
    listed, modified = [(ast.rewrite(e, change), name) for e, name in items], ast.rewrite(list(modifiers), change)
    need = needs([early, [call for call, _ in found.values()]])
    passed = needs([[e for e, _ in listed], modified, late]) & rel.node.outputs
    known = ast.both(state.answered(early))
    if not found:
        return ast.select(listed, source(rel.node, need | passed, state), known, modified)
    looked_up = [(state.look_up(call), symbol) for call, symbol in found.values()]
    rows = ast.select([*columns(passed), *looked_up], source(rel.node, need | passed, state), known)
    return ast.select(listed, ast.derived(rows, state.alias()), ast.both(late), modified)


def loosely(rel: Rel, items: Items, state: State, where: Iterable[Ast] = ()) -> Ast:
    """Return a SELECT over the rows of a relation's tree for which the given predicates hold."""
    where = list(where)
    if tries([where, [e for e, _ in items]]):
        return _lifted(rel, items, state, where)
    need = needs([where, [e for e, _ in items]])
    listed = [(state.answered(expression), name) for expression, name in items]
    return ast.select(listed, source(rel.node, need, state), ast.both(state.answered(where)))


def sided(
    conditions: Iterable[Ast], ours: frozenset[str], theirs: frozenset[str], state: State
) -> tuple[Items, Items, list[Ast]]:
    """Return what comparisons compare as columns of either side, and the comparisons over those columns.

    Raises:
        Unplannable: a condition is no comparison of one side with the other.
    """
    left, right, compared = list[Any](), list[Any](), []
    for condition in conditions:
        if condition.get("class") != "COMPARISON":
            raise Unplannable("a join condition that is no comparison")
        new = dict(condition)
        for side in ("left", "right"):
            value, symbol = condition[side], state.symbol()
            used = ast.symbols(value)
            is_right = used <= theirs if used else side == "right"
            if not is_right and not used <= ours:
                raise Unplannable("a join condition that mixes both sides in one value")
            (right if is_right else left).append((value, symbol))
            new[side] = ast.column(symbol)
        compared.append(new)
    return left, right, compared


def columns(need: Iterable[str]) -> list[tuple[Ast, str]]:
    """Return the select list that passes symbols on."""
    return [(ast.column(symbol), symbol) for symbol in sorted(need)]
