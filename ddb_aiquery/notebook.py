"""`%load_ext ddb_aiquery`: `%ai_sql` and `%%ai_sql`, a live bar with cost and time left, and cells that can be ended.

    %load_ext ddb_aiquery
    con = ddb_aiquery.connect("my.duckdb")

    %%ai_sql --to df
    SELECT ticket, ai_classify(message, ['bug', 'praise']) AS kind FROM tickets

The connection is the one that `--connection NAME` names, else the one used last, else the only AiConnection among the
notebook's variables, else a new one in memory. Without `--to` the result is a DataFrame where pandas is installed,
else a list of rows. `--estimate` prices the statement and sends nothing. `$name` in the last statement is the
notebook's variable of that name, passed as a parameter; nothing else is put into the SQL.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb

from ddb_aiquery import _html, _progress
from ddb_aiquery._connection import AiConnection
from ddb_aiquery._engine.budget import NANO
from ddb_aiquery._engine.tally import Tally
from ddb_aiquery._figures import Run, usd
from ddb_aiquery._process import PROCESS
from ddb_aiquery.errors import AiQueryError

BLINK = 0.2
"""Seconds between two pictures of the bar."""
LINE = 5.0
"""Seconds between two lines of text."""
READS: dict[str, Callable[[AiConnection], Any]] = {
    "df": lambda con: con.df(),
    "arrow": lambda con: con.arrow_of_all(),
    "pl": lambda con: importlib.import_module("polars").from_arrow(con.arrow_of_all()),
    "rows": lambda con: con.fetchall(),
}
"""How an open result is read, by what `--to` calls it."""
_OPTION = re.compile(r"--?\w")


def load(shell: Any) -> None:
    """Give an IPython shell the magic, the bar, and a Ctrl-C that reaches a waiting query; harmless when repeated."""
    magic = Magic(shell)

    def ai_sql(line: str, cell: str | None = None) -> Any:
        """Run SQL: `[--connection NAME] [--to df|arrow|pl|rows|relation] [--estimate] SQL`; `$x` is the variable x."""
        return magic.run(line, cell)

    no_var_expand = importlib.import_module("IPython.core.magic").no_var_expand  # optional, and without types
    shell.register_magic_function(no_var_expand(ai_sql), "line_cell", "ai_sql")
    shell.events.register("pre_run_cell", _before_cell)
    PROCESS.chain_sigint()
    _progress.DISPLAY = display


def unload(shell: Any) -> None:
    """Take the magics, the bar and the hook back; harmless when repeated."""
    for magics in shell.magics_manager.magics.values():
        magics.pop("ai_sql", None)
    with suppress(ValueError):  # not loaded
        shell.events.unregister("pre_run_cell", _before_cell)
    _progress.DISPLAY = _progress.usual_display


def display() -> _progress.Display | None:
    """Return a bar for where the code runs: HTML in Jupyter, a terminal's bar in a terminal, else plain text."""
    if _in_kernel():
        return HtmlBar()
    return _progress.usual_display() or PlainText()


@dataclass
class Words:
    """What stands beside the magic's name."""

    sql: str = ""
    to: str = ""
    connection: str = ""
    estimate: bool = False


@dataclass
class Magic:
    """`%ai_sql` and `%%ai_sql` in one shell; remembers the connection it used last."""

    shell: Any
    _last: AiConnection | None = field(default=None)

    def run(self, line: str, cell: str | None = None) -> Any:
        """Run SQL on the current connection; an error that says all in its text comes without our own frames."""
        try:
            words = read_words(line, cell)
            self._last = con = self.connection(words.connection)
            return _result(con, words, self.parameters(con, words.sql))
        except (AiQueryError, duckdb.Error, KeyboardInterrupt) as error:
            raise error.with_traceback(None) from None

    def parameters(self, con: AiConnection, sql: str) -> dict[str, Any] | None:
        """Return the notebook's variables that the last statement names with `$`.

        Raises:
            AiQueryError: there is no variable of that name.
        """
        names: set[str] = set()
        with suppress(duckdb.ParserException):  # which is told when it runs
            for last in con.raw.extract_statements(sql)[-1:]:
                names = last.named_parameters
        for name in names - self.shell.user_ns.keys():
            raise AiQueryError(f"there is no variable {name} for the parameter ${name}")
        return {name: self.shell.user_ns[name] for name in names} or None

    def connection(self, name: str) -> AiConnection:
        """Return the connection of that name, or the current one.

        Raises:
            AiQueryError: there is none of that name, or several to choose from.
        """
        names = self.shell.user_ns
        if name:
            found = names.get(name)
            if not isinstance(found, AiConnection):
                raise AiQueryError(f"{name} is no AiConnection: make it with {name} = ddb_aiquery.connect(...)")
            return found
        own = {id(v): v for k, v in names.items() if isinstance(v, AiConnection) and not k.startswith("_")}
        if self._last is not None and (not own or id(self._last) in own):
            return self._last
        if len(own) > 1:
            raise AiQueryError("there are several connections: name one with --connection NAME")
        return next(iter(own.values()), None) or _new()


def read_words(line: str, cell: str | None) -> Words:
    """Read the magic's line: options first, then SQL, which goes on in the cell.

    Raises:
        AiQueryError: an option is unknown, or there is no SQL.
    """
    words, rest = Words(), line.strip()
    while _OPTION.match(rest):
        option, _, rest = rest.partition(" ")
        name, equals, value = option.removeprefix("--").partition("=")
        rest = rest.strip()
        if name == "estimate" and not equals:
            words.estimate = True
            continue
        if name not in {"to", "connection"}:
            raise AiQueryError(f"unknown option {option}: there are --to, --connection and --estimate")
        if not equals:
            value, _, rest = rest.partition(" ")
            rest = rest.strip()
        if not value:
            raise AiQueryError(f"{option} needs a value")
        setattr(words, name, value)
    if words.to not in {"", "relation", *READS}:
        raise AiQueryError(f"--to takes one of {', '.join([*READS, 'relation'])}")
    words.sql = f"{rest}\n{cell or ''}".strip()
    if not words.sql:
        raise AiQueryError("there is no SQL: write it after %ai_sql, or in the lines below %%ai_sql")
    return words


def _result(con: AiConnection, words: Words, parameters: dict[str, Any] | None) -> Any:
    if words.estimate:
        return con.estimate(words.sql, parameters)
    if words.to == "relation":
        return con.sql(words.sql, params=parameters)
    con.execute(words.sql, parameters)
    if not con.description:
        return None
    return READS[words.to or ("df" if importlib.util.find_spec("pandas") else "rows")](con)


def _new() -> AiConnection:
    import ddb_aiquery  # noqa: PLC0415 (the package imports this door)

    return ddb_aiquery.connect()


def _before_cell(*_: Any) -> None:
    """Ipykernel sets SIGINT's handler anew for every cell."""
    PROCESS.chain_sigint()


def _in_kernel() -> bool:
    """Return whether a notebook shows what this process displays."""
    python = sys.modules.get("IPython")
    return python is not None and getattr(python.get_ipython(), "kernel", None) is not None


class HtmlBar:
    """A bar under the cell, drawn anew as answers come; at the end it is the Run's."""

    def __init__(self) -> None:
        shown: Any = importlib.import_module("IPython.display")  # optional, and without types
        self._html = shown.HTML
        self._drawn = 0.0
        self._handle = shown.display(shown.HTML(""), display_id=True)

    def show(self, tally: Tally) -> None:
        """Draw the figures so far, a few times a second at most."""
        now = time.monotonic()
        if now - self._drawn < BLINK:
            return
        self._drawn = now
        seconds = tally.clock() - tally.started
        self._draw(_html.progress_html(tally.done, tally.questions, tally.cost_nano / NANO, seconds, tally.held))

    def close(self, run: Run) -> None:
        """Draw the last figures."""
        self._draw(_html.run_html(run))

    def _draw(self, text: str) -> None:
        if self._handle is not None:
            self._handle.update(self._html(text))


class PlainText:
    """A line on stderr now and then, where nothing can be drawn anew."""

    def __init__(self) -> None:
        self._written = 0.0

    def show(self, tally: Tally) -> None:
        """Write a line, if the last one is old."""
        now = time.monotonic()
        if now - self._written >= LINE:
            self._written = now
            said = f"{tally.done:,} of {tally.questions:,} questions, {usd(tally.cost_nano / NANO)}"
            print(f"ai_query: {said}{tally.held and '; ' + tally.held}", file=sys.stderr)  # noqa: T201

    def close(self, run: Run) -> None:
        """Write the statement's own line."""
        print(f"ai_query: {run}", file=sys.stderr)  # noqa: T201 (a program without a screen still wants to know)
