"""The shell: obeys pieces of a script, one after the other, on one connection."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import duckdb

import ddb_aiquery
from ddb_aiquery._figures import usd
from ddb_aiquery._process import PROCESS
from ddb_aiquery._settings import Settings, load
from ddb_aiquery._shell import commands, statement
from ddb_aiquery._shell.interrupting import interruptible
from ddb_aiquery._shell.layouts import Style
from ddb_aiquery._shell.leaving import CANCELLED, Reported
from ddb_aiquery._shell.modes import write
from ddb_aiquery._shell.outlet import Outlet
from ddb_aiquery._shell.splitting import Piece, Splitter
from ddb_aiquery._sql import named
from ddb_aiquery.errors import AiQueryError, Cancelled

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_UNREADABLE = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes that are no UTF-8."""


@dataclass
class Shell:
    """One session: the connection, how results look, and where they go.

    `confirm` asks the user a yes-or-no question; None where nobody can be asked.
    """

    database: str = ":memory:"
    read_only: bool = False
    config: Any = None
    style: Style = field(default_factory=Style)
    bail: bool = False
    agreed: bool = False
    """Statements above `confirm_usd` run without a question."""
    confirm: Callable[[str], bool] | None = None
    out: TextIO = field(default_factory=lambda: sys.stdout)
    target: str = ""
    """What `.output` named; nothing is stdout."""
    echo: bool = False
    timer: bool = False
    cancelled: bool = False
    """Ctrl-C ended the last piece: whatever it stood in ends too, nobody wants to pay for the rest."""
    price_next: bool = False
    con: Any = None
    settings: Settings = field(default_factory=Settings)
    _once: bool = False

    def open(self, database: str, *, read_only: bool = False) -> None:
        """Open a database in the place of the one that is open.

        Raises:
            duckdb.Error: it cannot be opened; the one before stays open. SettingsError: so with the settings.
        """
        self.settings = load(self.config)
        if self.con is not None and read_only != self.read_only and _same_file(database, self.database):
            self.con.close()  # DuckDB opens a file in one way at a time
        try:
            opened = self._connected(database, read_only=read_only)
        except duckdb.Error:
            if self.con is not None:
                self.con = self._connected(self.database, read_only=self.read_only)
            raise
        if self.con is not None:
            self.con.close()
        self.con, self.database, self.read_only = opened, database, read_only

    def _connected(self, database: str, *, read_only: bool) -> Any:
        opened = ddb_aiquery.connect(database, read_only, config=self.settings)
        opened.raw.execute(named("shell.sql")["alone"])
        return opened

    def send(self, target: str, *, once: bool = False) -> None:
        """Let results go to a file, to a command after `|`, or without a name to stdout; `once` the next ones only.

        Raises:
            AiQueryError: the file cannot be written; results go where they went before.
        """
        taken = Outlet(target) if target else sys.stdout
        before, self.out, self.target, self._once = self.out, taken, target, once
        if before is not sys.stdout:
            before.close()

    def close(self) -> None:
        """Close the connection and the file that takes the results."""
        if self.out is not sys.stdout:
            self.out.close()
        if self.con is not None:
            self.con.close()

    def script(self, lines: Iterable[str], name: str = "", *, bail: bool = True) -> bool:
        """Run a script as it is read; False as soon as a piece failed (at its end, without `bail`) or was cancelled."""
        splitter = Splitter()
        well = True
        for line in lines:
            for piece in splitter.feed(line):
                well = self.run(piece, name) and well
                if self.cancelled or (bail and not well):
                    return False
        last = splitter.rest()
        return (self.run(last, name) if last else True) and well

    def file(self, path: str | Path) -> bool:
        """Run a file; its first error names the file and the line, and ends it."""
        try:
            with Path(path).open(encoding="utf-8", errors="surrogateescape") as lines:
                return self.script(lines, str(path))
        except BrokenPipeError:
            raise
        except OSError as error:
            self.say(f"Error: cannot read {path}: {error.strerror}")
            return False

    def run(self, piece: Piece, name: str = "") -> bool:
        """Obey one piece; what goes wrong is said on stderr, and False returned."""
        PROCESS.chain_sigint()
        self.cancelled, target = False, self.target
        try:
            self._obey(piece)
        except Reported:
            return False
        except BrokenPipeError:
            if not target:
                raise
            self.send("")  # the command after `|` has seen enough
        except (AiQueryError, duckdb.Error, OSError, RuntimeError, KeyboardInterrupt) as error:
            self.cancelled = _is_cancel(error)
            self.say(_where(piece, name, error) + (CANCELLED if self.cancelled else _message(error)))
            return False
        return True

    def _obey(self, piece: Piece) -> None:
        if self.echo:
            self.out.write(piece.text + ("\n" if piece.is_command else ";\n"))
        if not piece.text.isascii() and _UNREADABLE.search(piece.text):
            raise AiQueryError("the statement is not UTF-8 text: save the script as UTF-8")
        if piece.is_command:
            commands.obey(self, piece.text)
            return
        try:
            self.statement(piece.text)
        finally:
            if self._once:
                self.send("")

    def statement(self, text: str) -> None:
        """Run one statement: its price first where the user wants that, then its rows, then its figures.

        Raises:
            duckdb.Error: as DuckDB raises it. AiQueryError: from a call, or nobody agreed to the price.
        """
        if not self._agreed(text):
            return
        before, begun, used = self.con.last_run, time.perf_counter(), time.process_time()
        with self._figures(before), interruptible(self.con.raw):
            rows = statement.run(self.con, text)
            if rows is not None:
                write(rows, self.style, self.out)
        if self.timer:
            real, cpu = time.perf_counter() - begun, time.process_time() - used
            self.say(f"Run Time (s): real {real:.3f} cpu {cpu:.3f}")

    def show(self, text: str, values: Any = None) -> None:
        """Write the rows of one of the shell's own queries."""
        write(self.con.raw.sql(text, params=values), self.style, self.out)

    def say(self, text: str) -> None:
        """Write a message to stderr, after the results so far."""
        self.out.flush()
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (a shell prints)

    @contextlib.contextmanager
    def _figures(self, before: Any) -> Iterator[None]:
        """Say what was asked and paid, also by a statement that failed."""
        try:
            yield
        finally:
            run = self.con.last_run
            if run is not before and run.questions:
                self.say(str(run))

    def _agreed(self, text: str) -> bool:
        """Return whether a statement may run at its price."""
        wanted, self.price_next = self.price_next, False
        limit = None if self.agreed else self.settings.limits.confirm_usd
        if not wanted and (limit is None or not statement.asks(self.con, text)):
            return True
        priced = self.con.estimate(text)
        if wanted:
            self.say(str(priced))
            return self.confirm is not None and self.confirm("Run it?")
        if limit is None or (priced.cost_usd <= limit and not priced.open):
            return True
        if self.confirm is None:
            cost = "cost what is not known beforehand" if priced.open else f"cost up to {usd(priced.cost_usd)}"
            raise AiQueryError(
                f"the statement would {cost}, above confirm_usd = {limit:g}, and nobody can be asked here: pass -yes"
                + (f" ({priced.note})" if priced.open else ", or raise [budget] confirm_usd")
            )
        self.say(str(priced))
        return self.confirm(
            "Its price is not known beforehand. Run it?" if priced.open else f"That is above ${limit:g}. Run it?"
        )


def _same_file(one: str, other: str) -> bool:
    return ":memory:" not in {one, other} and Path(one).resolve() == Path(other).resolve()


def _where(piece: Piece, name: str, error: BaseException) -> str:
    """Return `file:line: `, with the line inside the statement where DuckDB knows it."""
    if not name:
        return ""
    inside = _LINE.search(str(error))
    return f"{name}:{piece.line + (int(inside[1]) - 1 if inside else 0)}: "


def _is_cancel(error: BaseException) -> bool:
    """Return whether Ctrl-C ended a statement: DuckDB reports it in four ways."""
    return (
        isinstance(error, KeyboardInterrupt | Cancelled | duckdb.InterruptException)
        or (type(error) is RuntimeError and "interrupted" in str(error))
        or (isinstance(error, duckdb.InvalidInputException) and "KeyboardInterrupt" in str(error))
    )


def _message(error: BaseException) -> str:
    return str(error) if isinstance(error, duckdb.Error) else f"Error: {error}"
