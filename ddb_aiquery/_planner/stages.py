"""Answers a relation step by step: what is asked first restricts what is asked next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Protocol

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.algebra import (
    Node, Rel, State, columns, exactly, is_clean, loosely, needs, nodes, owners, reads, shown,
)  # fmt: skip
from ddb_aiquery._planner.calls import Site, Unknown, Unplannable, has_call, is_call, sites
from ddb_aiquery._planner.questions import Asked, question
from ddb_aiquery._planner.rules.filter import Filter
from ddb_aiquery._planner.rules.join import Join
from ddb_aiquery._planner.rules.scan import Scan, Table, used_ctes

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast

Path = tuple[str, str, str]
CHUNK_GROWTH = 2
"""A chunk of `WHERE model(...) LIMIT n` is at most this many times the one before."""


class Runner(Protocol):
    """What carries out the steps: over a connection for real, or only counting."""

    answers: bool
    """Whether questions that were asked have answers afterwards; False while estimating."""

    def ask(self, questions: Sequence[Asked]) -> None:
        """Have the questions of one stage answered, in one pool."""

    def count(self, query: Ast) -> int:
        """Return how many rows the query has."""

    def keep(self, query: Ast) -> Path:
        """Run the query once into a temporary table."""

    def append(self, path: Path, query: Ast) -> tuple[int, int]:
        """Add the query's rows to a kept table; return how many, and the last row's rowid."""

    def passed(self, predicate: str) -> float:
        """Return the share of rows that passed a predicate before, 0.5 if it is new."""

    def learn(self, predicate: str, share: float) -> None:
        """Remember the share of rows that passed a predicate."""


@dataclass(frozen=True, slots=True)
class Around:
    """Where a barrier stands: the relation whose tree it is part of, and what is known to hold in wanted rows."""

    rel: Rel
    where: tuple[Ast, ...]


class Solver:
    """Walks a plan and has every question asked that the rows above will need, and no other."""

    def __init__(self, state: State, runner: Runner, root: Rel, outs: Sequence[Ast]) -> None:
        self.state, self.runner = state, runner
        self.positive, self.used = _uses(root, outs)
        self.sure = True
        """Whether every predicate so far could be applied; False only while estimating."""

    def unknown(self, top: Node) -> frozenset[str]:
        """Return the symbols of a tree that are still unknown."""
        return frozenset(s for node in nodes(top) if not self.state.is_ready(node) for s in node.tainted)

    def renders(self, top: Node, expression: Ast) -> bool:
        """Return whether the expression has a value by now."""
        if has_call(expression) and not self.runner.answers:
            return False
        return not (ast.symbols(expression) & self.unknown(top))

    def settle(self, top: Node) -> None:
        """Answer the barriers of a tree without which it shows no rows."""
        for anchor, node in _anchored(top):
            if node.blocked and not self.state.is_ready(node):
                if node.loose and anchor is not node and self._is_empty(Rel(anchor), []):
                    self.state.ready.add(node)
                self._barrier(node, None)

    def finish(self, top: Node, wanted: Iterable[str]) -> None:
        """Answer the barriers that tell the wanted symbols, for whoever reads them."""
        wanted = set(wanted)
        for node in dict.fromkeys(node for symbol, node in owners(top).items() if symbol in wanted):
            self._barrier(node, None)

    def solve(self, rel: Rel, wanted: Sequence[Ast], demand: Sequence[Ast]) -> None:
        """Ask about pending predicates one after the other, then what the wanted expressions need of the rest."""
        if self._none_wanted(rel, demand):
            return
        self.settle(rel.node)
        todo, where = list(rel.pending), list(demand)
        while todo:
            predicate = self._next(rel, todo, where)
            todo.remove(predicate)
            self._expressions([predicate], rel, where, only_true=True)
            if self.renders(rel.node, predicate):
                where.append(predicate)
            else:
                self.sure = False
        self._expressions(list(wanted), rel, where)

    def _none_wanted(self, rel: Rel, demand: Sequence[Ast]) -> bool:
        """Return whether a LIMIT of answers need not be found out, since nothing above it would pass."""
        blocked = [node for node in nodes(rel.node) if node.blocked and not self.state.is_ready(node)]
        if not blocked or not self.runner.answers or (rel.node in blocked and not demand):
            return False
        anchors = {node: anchor for anchor, node in _anchored(rel.node)}
        if any(not node.loose or anchors[node] is not rel.node for node in blocked) or not self._is_empty(rel, demand):
            return False
        self.state.ready.update(blocked)
        return True

    def _is_empty(self, rel: Rel, demand: Sequence[Ast]) -> bool:
        """Return whether no row passes what is known, wherever the missing answers leave open what passes."""
        hidden = {s for node in _everything(rel.node) if not self.state.is_ready(node) for s in node.tainted}
        above = [e for _, node in _anchored(rel.node) for e in node.expressions()]
        if ast.symbols([*above, *demand]) & hidden:
            return False
        first = loosely(rel, [], self.state, demand) | {"modifiers": [ast.limit(ast.number(1))]}
        return self.runner.answers and not self.runner.count(self.complete(first))

    def demand(self, around: Around | None, node: Node, pairs: Sequence[tuple[Ast, Ast]]) -> list[Ast]:
        """Return the predicate that keeps, below a barrier, the rows whose keys are wanted above it."""
        if around is None or (around.rel.node is node and not around.where):
            return []
        return self._wanted(around.rel, around.where, pairs)

    def matching(self, rel: Rel, demand: Sequence[Ast], pairs: Sequence[tuple[Ast, Ast]]) -> list[Ast]:
        """Return the predicate that keeps rows for which an answered relation has an equal one."""
        where = [*demand, *(predicate for predicate in rel.pending if self.renders(rel.node, predicate))]
        known = [(ours, theirs) for ours, theirs in pairs if self.renders(rel.node, ours)]
        return self._wanted(rel, where, known)

    def _wanted(self, rel: Rel, where: Sequence[Ast], pairs: Sequence[tuple[Ast, Ast]]) -> list[Ast]:
        names = [self.state.symbol() for _ in pairs]
        outer = self.loosely(rel, [(e, n) for (e, _), n in zip(pairs, names, strict=True)], where)
        matches = [ast.same(ast.column(n), inner) for (_, inner), n in zip(pairs, names, strict=True)]
        return [ast.exists(ast.select([], ast.derived(outer, self.state.alias()), ast.both(matches)))]

    def loosely(self, rel: Rel, items: list[tuple[Ast, str]], where: Iterable[Ast]) -> Ast:
        """Return a SELECT over the rows that are known so far, safe to be run more than once."""
        self._stabilise(rel.node)
        return loosely(rel, items, self.state, where)

    def complete(self, query: Ast) -> Ast:
        """Return the query with the CTEs that it reads."""
        names = used_ctes(query, self.state)
        return {**query, "cte_map": {"map": [{"key": n, "value": self.state.ctes[n]} for n in names]}}

    def in_chunks(self, rel: Rel, orders: list[Ast], count: int) -> tuple[Rel, list[Ast]]:
        """Ask about growing runs of rows until `count` of them pass; return the rows that were looked at."""
        if needs(rel.pending) & self.unknown(rel.node):
            self.solve(rel, [], [])
            return rel, orders
        need = rel.node.outputs - self.unknown(rel.node) - {"rowid"}
        cut = _cutter(self, rel, orders, need)
        position, size, found, edge = 0, 2 * count, 0, None
        path = self.runner.keep(self.complete(cut(0, 0)))
        while found < count:
            taken, last = self.runner.append(path, self.complete(cut(position, size)))
            part = Rel(Table(path, need, edge), rel.pending)
            self.solve(part, [], [])
            passed = self.runner.count(exactly(part, [], self.state)) if self.runner.answers else count
            found, position, edge = found + passed, position + taken, last
            if taken < size:
                break
            size = _next_size(count - found, found / max(position, 1), size)
        return Rel(Table(path, need), rel.pending), orders or [ast.ascending(ast.column("rowid"))]

    def _next(self, rel: Rel, todo: list[Ast], where: list[Ast]) -> Ast:
        """Return the predicate that costs least for what it removes; those that wait for other tables come last."""
        unknown = self.unknown(rel.node)
        free = [p for p in todo if not ast.symbols(p) & unknown]
        if len(free) < 2:  # noqa: PLR2004 - nothing to choose
            return (free or todo)[0]
        return min(free, key=lambda p: self._cost(rel, p, where))

    def _cost(self, rel: Rel, predicate: Ast, where: list[Ast]) -> float:
        first = [s for s in sites(predicate, only_true=True) if not any(has_call(p) for p in [*s.arguments, *s.guards])]
        asked = sum(self.runner.count(self._question(rel, where, site).query) for site in first)
        return asked / (1.001 - self.runner.passed(ast.fingerprint(_shape(predicate))))

    def _expressions(self, expressions: list[Ast], rel: Rel, where: list[Ast], *, only_true: bool = False) -> None:
        """Answer barriers and calls that the expressions need, inner calls first."""
        waiting = needs(expressions) & self.unknown(rel.node)
        for node in dict.fromkeys(node for symbol, node in owners(rel.node).items() if symbol in waiting):
            self._barrier(node, Around(rel, tuple(where)))
        ranked = _ranked(site for e in expressions for site in sites(e, only_true=only_true))
        for stage in ranked:
            self.runner.ask([self._question(rel, where, site) for site in stage])
        if only_true and ranked and self.runner.answers:
            self._observe(expressions[0], rel, where)

    def _observe(self, predicate: Ast, rel: Rel, where: list[Ast]) -> None:
        """Remember how many of the asked rows passed, where there is a choice to be made by it."""
        if len(rel.pending) > 1:
            before = self.runner.count(self.complete(self.loosely(rel, [], where)))
            after = self.runner.count(self.complete(self.loosely(rel, [], [*where, predicate])))
            self.runner.learn(ast.fingerprint(_shape(predicate)), after / max(before, 1))

    def _question(self, rel: Rel, where: Sequence[Ast], site: Site) -> Asked:
        """Return the query that lists the questions of one call."""
        known = [guard for guard in site.guards if self.renders(rel.node, guard)]
        if self.state.functions.is_volatile([site.arguments, list(site.guards)]):
            raise Unplannable("a volatile function decides what is asked")
        exact = self.renders(rel.node, {"arguments": site.arguments})
        self.sure &= len(known) == len(site.guards)
        asked = question(self, rel, [*where, *known], site, exact=exact)
        return Asked(self.complete(asked.query), self.complete(asked.rows), asked.exact, self.sure and exact)

    def _barrier(self, node: Node, around: Around | None) -> None:
        if self.state.is_ready(node):
            return
        node.solve(self, around)
        if self.runner.answers:
            self.state.ready.add(node)
        elif node.blocked:
            raise Unknown("what comes after depends on answers")

    def _stabilise(self, top: Node) -> None:
        if self._is_shaky(top):
            self._keep(top)

    def _is_shaky(self, node: Node) -> bool:
        """Return whether the node, or what stands above it, must be kept; keep what is shaky below."""
        if node in self.state.kept:
            return False
        if isinstance(node, Filter):
            return self._is_shaky(node.child) or node.unsteady(self.state)
        if isinstance(node, Scan):
            self._keep_ctes(node.origin)
        for rel in reads(node):
            if self._is_shaky(rel.node):
                self._keep(rel.node)
        return self.state.is_ready(node) and node.unsteady(self.state)

    def _keep(self, node: Node) -> None:
        need = node.outputs - self.unknown(node) - {"rowid"}
        self.state.kept[node] = self.runner.keep(self.complete(shown(node, need, self.state)))

    def _keep_ctes(self, tree: Ast) -> None:
        for name in used_ctes(tree, self.state):
            definition = self.state.ctes[name]
            if self.state.functions.is_unsteady(definition["query_node"]):
                labels = definition.get("aliases", [])
                inner = {**ast.derived(definition["query_node"], "rows"), "column_name_alias": labels}
                path = self.runner.keep(self.complete(ast.select(columns(labels), inner)))
                stored = ast.select([(ast.column(label), label) for label in labels], ast.table(path, "rows"))
                self.state.ctes[name] = {**definition, "query_node": stored}


def _cutter(solver: Solver, rel: Rel, orders: list[Ast], need: frozenset[str]) -> Callable[[int, int], Ast]:
    """Return what makes the query for rows `position` to `position + size`: of one table, else of a kept copy."""
    base = solver.loosely(rel, columns(need | needs(orders)), [])
    if orders or not _reads_one_table(rel.node):
        path = solver.runner.keep(solver.complete({**base, "modifiers": [ast.order(orders)] if orders else []}))
        in_order = ast.order([ast.ascending(ast.column("rowid"))])
        base = ast.select(columns(need), ast.table(path, solver.state.alias()), None, [in_order])
    before = base.get("modifiers", [])
    return lambda position, size: {**base, "modifiers": [*before, ast.limit(ast.number(size), ast.number(position))]}


def _reads_one_table(node: Node) -> bool:
    while isinstance(node, Filter):
        node = node.child
    return isinstance(node, Scan) and node.origin.get("type") == "BASE_TABLE" and bool(node.origin.get("schema_name"))


def _everything(top: Node) -> Iterator[Node]:
    """Yield all nodes that a node reads, also those below barriers."""
    yield top
    for rel in reads(top):
        yield from _everything(rel.node)


def _anchored(top: Node, anchor: Node | None = None) -> Iterator[tuple[Node, Node]]:
    """Yield the nodes of a tree, each after the highest node in which its surplus rows are but surplus rows."""
    anchor = anchor or top
    yield anchor, top
    for child in top.children:
        yield from _anchored(child, anchor if isinstance(top, Filter | Join) else child)


def _next_size(missing: int, share: float, before: int) -> int:
    guess = ceil(1.2 * missing / share) if share > 0 else before * CHUNK_GROWTH
    return max(missing, min(guess, before * CHUNK_GROWTH), 1)


def _ranked(found: Iterable[Site]) -> list[list[Site]]:
    """Return the sites in stages: each after those that its arguments and guards need; equal sites once."""
    ranks: dict[str, int] = {}
    stages: dict[int, dict[str, Site]] = {}
    for site in found:
        inner = [part for node in [*site.arguments, *site.guards] for part in ast.walk(node) if is_call(part)]
        rank = 1 + max((ranks.get(ast.fingerprint(part), 0) for part in inner), default=-1)
        own = ast.fingerprint(site.call)
        ranks[own] = max(rank, ranks.get(own, 0))
        stages.setdefault(rank, {})[own + ast.fingerprint(list(site.guards))] = site
    return [list(stages[rank].values()) for rank in sorted(stages)]


def _shape(predicate: Ast) -> Ast:
    """Return the predicate without the symbols' numbers, so that a later run of the statement knows it again."""
    names = {symbol: f"#{at}" for at, symbol in enumerate(sorted(ast.symbols(predicate)))}
    shape: Ast = ast.renamed(predicate, names)
    return shape


def _uses(root: Rel, outs: Sequence[Ast]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the symbols that occur only as whole predicates, where FALSE and NULL mean the same, and all that occur."""
    bare: set[str] = set()
    other: set[str] = set(needs(outs)) | set(needs(root.order))
    seen: set[Node] = set()
    open_rels = [root]
    while open_rels:
        rel = open_rels.pop()
        for predicate in rel.pending:
            (bare if ast.is_column(predicate) else other).update(ast.symbols(predicate))
        if rel.node in seen:
            continue
        seen.add(rel.node)
        for expression in rel.node.expressions():
            plain = isinstance(rel.node, Filter) and ast.is_column(expression)
            (bare if plain else other).update(ast.symbols(expression))
        open_rels.extend(reads(rel.node))
    return frozenset(bare - other), frozenset(bare | other)


