"""Answers a relation step by step: what is asked first restricts what is asked next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Protocol

from ddb_aiquery._planner import ast
from ddb_aiquery._planner.ahead import ask_ahead
from ddb_aiquery._planner.algebra import Node, Rel, State, columns, loosely, needs, nodes, owners, reads, shown
from ddb_aiquery._planner.calls import Site, Unknown, Unplannable, has_call, sites
from ddb_aiquery._planner.questions import Answers, Asked, question
from ddb_aiquery._planner.rules.filter import Filter
from ddb_aiquery._planner.rules.join import narrowed
from ddb_aiquery._planner.rules.scan import Scan, used_ctes
from ddb_aiquery._planner.survey import anchored, everything, ranked, shape, unshown, uses

if TYPE_CHECKING:
    from ddb_aiquery._planner.ast import Ast

Path = tuple[str, str, str]


class Runner(Protocol):
    """What carries out the steps: over a connection for real, or only counting."""

    answers: bool
    """Whether questions that were asked have answers afterwards; False while estimating."""
    table: Answers
    """Where answers are found."""
    asked: int
    """How many questions have been asked."""

    def ask(self, questions: Sequence[Asked]) -> None:
        """Have the questions of one stage answered, in one pool."""

    @property
    def is_dear(self) -> bool:
        """Whether DuckDB took long to list the questions of the last stage."""

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
        self.positive, self.used = uses(root, outs)
        self.sure = True
        """Whether every predicate so far could be applied; False only while estimating."""
        self._asked: list[tuple[Node, str, frozenset[str]]] = []
        """Which calls of which trees were asked, and under which predicates."""

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
        for anchor, node in anchored(top):
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
        ask_ahead(self, rel)
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
        anchors = {node: anchor for anchor, node in anchored(rel.node)}
        if any(not node.loose or anchors[node] is not rel.node for node in blocked) or not self._is_empty(rel, demand):
            return False
        self.state.ready.update(blocked)
        return True

    def _is_empty(self, rel: Rel, demand: Sequence[Ast]) -> bool:
        """Return whether no row passes what is known, wherever the missing answers leave open what passes."""
        if unshown(rel, self.state):
            return False
        hidden = {s for node in everything(rel.node) if not self.state.is_ready(node) for s in node.tainted}
        above = [e for _, node in anchored(rel.node) for e in node.expressions()]
        if ast.symbols([*above, *demand]) & hidden:
            return False
        first = loosely(rel, [], self.state, demand) | {"modifiers": [ast.limit(ast.number(1))]}
        return self.runner.answers and not self.runner.count(self.complete(first))

    def demand(self, around: Around | None, node: Node, pairs: Sequence[tuple[Ast, Ast]]) -> list[Ast]:
        """Return the predicate that keeps, below a barrier, the rows whose keys are wanted above it."""
        if around is None or (around.rel.node is node and not around.where):
            return []
        wanted = self._wanted(around.rel, around.where, pairs)
        anchor = next((anchor for anchor, part in anchored(around.rel.node) if part is node), node)
        if anchor is not around.rel.node and anchor is not node:  # of one branch of a UNION ALL
            wanted += self._wanted(Rel(anchor), [], pairs)
        return wanted

    def matching(self, rel: Rel, demand: Sequence[Ast], pairs: Sequence[tuple[Ast, Ast]]) -> list[Ast]:
        """Return the predicate that keeps rows for which an answered relation has an equal one."""
        where = [*demand, *(predicate for predicate in rel.pending if self.renders(rel.node, predicate))]
        known = [(ours, theirs) for ours, theirs in pairs if self.renders(rel.node, ours)]
        return self._wanted(rel, where, known)

    def _wanted(self, rel: Rel, where: Sequence[Ast], pairs: Sequence[tuple[Ast, Ast]]) -> list[Ast]:
        for node in reversed(unshown(rel, self.state, [*where, *(ours for ours, _ in pairs)])):
            self._barrier(node, None)
        names = [self.state.symbol() for _ in pairs]
        outer = self.loosely(rel, [(e, n) for (e, _), n in zip(pairs, names, strict=True)], where)
        matches = [ast.same(ast.column(n), inner) for (_, inner), n in zip(pairs, names, strict=True)]
        return [ast.exists(ast.select([], ast.derived(outer, self.state.alias()), ast.both(matches)))]

    def loosely(self, rel: Rel, items: list[tuple[Ast, str]], where: Iterable[Ast]) -> Ast:
        """Return a SELECT over the rows that are known so far, safe to be run more than once."""
        self._stabilise(rel.node)
        return loosely(rel, items, self.state, where)

    def sparsely(self, rel: Rel, items: list[tuple[Ast, str]], where: Sequence[Ast]) -> Ast:
        """Return a SELECT with the distinct rows of `loosely`, without the products that would only repeat them."""
        self._stabilise(rel.node)
        need = needs([where, [expression for expression, _ in items]])
        return loosely(Rel(narrowed(rel.node, need, self.state)), items, self.state, where)

    def complete(self, query: Ast) -> Ast:
        """Return the query with the CTEs that it reads."""
        names = used_ctes(query, self.state)
        return {**query, "cte_map": {"map": [{"key": n, "value": self.state.ctes[n]} for n in names]}}

    def _next(self, rel: Rel, todo: list[Ast], where: list[Ast]) -> Ast:
        """Return the predicate that costs least for what it removes, of equals the first."""
        if len(todo) == 1:
            return todo[0]
        unknown, owner = self.unknown(rel.node), owners(rel.node)

        def cost(predicate: Ast) -> float:
            waiting = [owner[symbol] for symbol in ast.symbols(predicate) & unknown]
            return max(map(self._entry, waiting)) if waiting else self._cost(rel, predicate, where)

        return min(todo, key=cost)

    def _entry(self, barrier: Node) -> float:
        """Return the least that a barrier's first predicate costs; infinity where that is not known."""
        inner = [rel for rel in reads(barrier) if rel.pending]
        if any(node.blocked or node.tainted for rel in inner for node in everything(rel.node)):
            return inf
        return min((self._cost(rel, p, []) for rel in inner for p in rel.pending), default=inf)

    def _cost(self, rel: Rel, predicate: Ast, where: list[Ast]) -> float:
        every = sites(predicate, only_true=True)
        first = [site for site in every if not any(has_call(part) for part in [*site.arguments, *site.guards])]
        counts = [self.runner.count(self._question(rel, where, site).query) for site in first]
        asked = sum(counts) + (len(every) - len(first)) * max(counts, default=0)  # what comes later, at its most
        return asked / (1.001 - self.runner.passed(ast.fingerprint(shape(predicate))))

    def _expressions(self, expressions: list[Ast], rel: Rel, where: list[Ast], *, only_true: bool = False) -> None:
        """Answer barriers and calls that the expressions need, inner calls first."""
        waiting = needs(expressions) & self.unknown(rel.node)
        for node in dict.fromkeys(node for symbol, node in owners(rel.node).items() if symbol in waiting):
            self._barrier(node, Around(rel, tuple(where)))
        steps = ranked(site for e in expressions for site in sites(e, only_true=only_true))
        for stage in steps:
            if fresh := [site for site in stage if self._is_new(rel, where, site)]:
                self.runner.ask([self._question(rel, where, site) for site in fresh])
                if self.runner.is_dear and not self.unknown(rel.node):
                    self.state.dear.add(rel.node)
        if only_true and steps and self.runner.answers:
            self._observe(expressions[0], rel, where)

    def _is_new(self, rel: Rel, where: Sequence[Ast], site: Site) -> bool:
        """Return whether a call was not yet asked in all rows that want it, and note that it is."""
        call, holds = ast.fingerprint(site.call), frozenset(map(ast.fingerprint, [*where, *site.guards]))
        if any(node is rel.node and own == call and held <= holds for node, own, held in self._asked):
            return False
        self._asked.append((rel.node, call, holds))
        return True

    def _observe(self, predicate: Ast, rel: Rel, where: list[Ast]) -> None:
        """Remember how many of the asked rows passed, where there is a choice to be made by it."""
        if len(rel.pending) > 1:
            before = self.runner.count(self.complete(self.loosely(rel, [], where)))
            after = self.runner.count(self.complete(self.loosely(rel, [], [*where, predicate])))
            self.runner.learn(ast.fingerprint(shape(predicate)), after / max(before, 1))

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
        if node.blocked:  # what it hid is read through it from now on
            for rel in reads(node):
                self.finish(rel.node, self.used & node.outputs)
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
        if node in self.state.dear:
            return True
        if isinstance(node, Filter):
            return self._is_shaky(node.child) or node.unsteady(self.state)
        if isinstance(node, Scan):
            self._keep_ctes(node.origin)
        for rel in reads(node):
            if self._is_shaky(rel.node):
                self._keep(rel.node)
        return self.state.is_ready(node) and node.unsteady(self.state)

    def _keep(self, node: Node) -> None:
        self.finish(node, self.used & node.outputs)  # what is not known now, the kept rows could never tell
        self.state.kept[node] = self.runner.keep(self.complete(shown(node, self.worth_keeping(node), self.state)))

    def worth_keeping(self, node: Node) -> frozenset[str]:
        """Return the columns of a node that are known and that anything reads."""
        return (node.outputs & self.used) - self.unknown(node) - {"rowid"}

    def _keep_ctes(self, tree: Ast) -> None:
        for name in used_ctes(tree, self.state):
            definition = self.state.ctes[name]
            if self.state.functions.is_unsteady(definition["query_node"]):
                labels = definition.get("aliases", [])
                inner = {**ast.derived(definition["query_node"], "rows"), "column_name_alias": labels}
                path = self.runner.keep(self.complete(ast.select(columns(labels), inner)))
                stored = ast.select([(ast.column(label), label) for label in labels], ast.table(path, "rows"))
                self.state.ctes[name] = {**definition, "query_node": stored}
