"""The dot commands: what the shell itself obeys."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from ddb_aiquery import __version__
from ddb_aiquery._shell import files
from ddb_aiquery._shell.layouts import NAMES, unescaped
from ddb_aiquery._shell.leaving import Quit
from ddb_aiquery._sql import named
from ddb_aiquery.errors import AiQueryError

if TYPE_CHECKING:
    from ddb_aiquery._shell.shell import Shell

Work = Callable[["Shell", Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Command:
    """One dot command: what it takes, what it does, and how many words it takes at least and at most.

    The rest of the line is one word where the command is `whole`, or where it begins with `|`.
    """

    usage: str
    text: str
    work: Work
    least: int = 0
    most: int = 1
    whole: bool = False


def obey(shell: Shell, line: str) -> None:
    """Obey one dot command; a name may be shortened while it stays clear.

    Raises:
        AiQueryError: there is no such command, or it is written wrongly.
    """
    name, _, rest = line[1:].partition(" ")
    command = COMMANDS[_full(name)]
    rest = rest.strip()
    if command.whole or rest.startswith("|"):
        words = [rest] if rest else []
    else:
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise AiQueryError(f".{name}: {error}") from None
    if not command.least <= len(words) <= command.most:
        raise AiQueryError(f"usage: .{command.usage}")
    command.work(shell, words)


def _full(name: str) -> str:
    name = name.strip().removesuffix(";")
    found = [name] if name in COMMANDS else [each for each in COMMANDS if name and each.startswith(name)]
    if len(found) != 1:
        hint = f"it could be .{', .'.join(found)}" if found else "see .help"
        raise AiQueryError(f"unknown command .{name}: {hint}")
    return found[0]


def _help(shell: Shell, words: Sequence[str]) -> None:
    wanted = words[0].removeprefix(".") if words else ""
    found = [command for name, command in COMMANDS.items() if wanted in name]
    if not found:
        raise AiQueryError(f"no command has '{wanted}' in its name")
    shell.out.writelines(f".{command.usage:<24} {command.text}\n" for command in found)
    shell.out.flush()


def _mode(shell: Shell, words: Sequence[str]) -> None:
    if not words:
        shell.say(f"mode {shell.style.mode}; one of {', '.join(NAMES)}")
        return
    mode, *table = words
    if mode not in NAMES or (table and mode != "insert"):
        raise AiQueryError(f".mode takes one of {', '.join(NAMES)}, and a table's name only after insert")
    shell.style = replace(shell.style, mode=mode, table=table[0] if table else "table")


def _tables(shell: Shell, words: Sequence[str]) -> None:
    _column(shell, "tables", words[0] if words else "%")


def _schema(shell: Shell, words: Sequence[str]) -> None:
    _column(shell, "schema", words[0] if words else "%")


def _indexes(shell: Shell, words: Sequence[str]) -> None:
    _column(shell, "indexes", words[0] if words else "%")


def _databases(shell: Shell, _words: Sequence[str]) -> None:
    _column(shell, "databases", "%")


def _column(shell: Shell, query: str, pattern: str) -> None:
    rows = shell.con.raw.execute(named("shell.sql")[query], {"pattern": pattern}).fetchall()
    shell.out.writelines(f"{row[0]}\n" for row in rows)
    shell.out.flush()


def _timer(shell: Shell, words: Sequence[str]) -> None:
    shell.timer = _switch("timer", words[0])


def _headers(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, header=_switch("headers", words[0]))


def _echo(shell: Shell, words: Sequence[str]) -> None:
    shell.echo = _switch("echo", words[0])


def _show(shell: Shell, _words: Sequence[str]) -> None:
    style = shell.style
    separator = "the mode's own" if style.separator is None else repr(style.separator)
    shown = {
        "database": shell.database + (" (read-only)" if shell.read_only else ""),
        "mode": f"{style.mode} {style.table}" if style.mode == "insert" else style.mode,
        "headers": _state(style.header),
        "nullvalue": repr(style.null),
        "separator": f"{separator} {style.newline!r}",
        "maxrows": style.max_rows,
        "maxwidth": style.max_width,
        "output": shell.target or "stdout",
        "bail": _state(shell.bail),
        "echo": _state(shell.echo),
        "timer": _state(shell.timer),
    }
    shell.out.writelines(f"{name:>9}: {value}\n" for name, value in shown.items())
    shell.out.flush()


def _state(on: bool) -> str:
    return "on" if on else "off"


def _version(shell: Shell, _words: Sequence[str]) -> None:
    import duckdb  # noqa: PLC0415 (completion reads this list before DuckDB is there)

    shell.out.write(f"ddb-aiquery {__version__}, DuckDB {duckdb.__version__}\n")
    shell.out.flush()


def _bail(shell: Shell, words: Sequence[str]) -> None:
    shell.bail = _switch("bail", words[0])


def _null(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, null=words[0])


def _separator(shell: Shell, words: Sequence[str]) -> None:
    column, *row = map(unescaped, words)
    shell.style = replace(shell.style, separator=column, newline=row[0] if row else shell.style.newline)


def _max_rows(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, max_rows=_count("maxrows", words[0]))


def _max_width(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, max_width=_count("maxwidth", words[0]))


def _print(shell: Shell, words: Sequence[str]) -> None:
    shell.out.write(" ".join(words) + "\n")
    shell.out.flush()


def _quit(_shell: Shell, words: Sequence[str]) -> None:
    raise Quit(_count("exit", words[0]) if words else 0)


def _endpoints(shell: Shell, _words: Sequence[str]) -> None:
    shell.show(named("shell.sql")["endpoints"])


def _estimate(shell: Shell, words: Sequence[str]) -> None:
    if words:
        shell.out.write(f"{shell.con.estimate(words[0])}\n")
        shell.out.flush()
    else:
        shell.price_next = True


def _usage(shell: Shell, _words: Sequence[str]) -> None:
    shell.show(named("shell.sql")["usage"])


def _cache(shell: Shell, _words: Sequence[str]) -> None:
    from ddb_aiquery._commands import cache  # noqa: PLC0415 (a command imports only its own)

    with contextlib.redirect_stdout(shell.out):
        cache.stats(shell.config)


def _switch(name: str, word: str) -> bool:
    if word not in {"on", "off"}:
        raise AiQueryError(f"usage: .{name} on|off")
    return word == "on"


def _count(name: str, word: str) -> int:
    if not word.isdecimal():
        raise AiQueryError(f".{name} takes a whole number, not {word!r}")
    return int(word)


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "bail": Command("bail on|off", "stop a piped script at its first error", _bail, 1),
        "cache": Command("cache", "how many answers are kept, where, and what they cost", _cache, 0, 0),
        "cd": Command("cd DIRECTORY", "change the working directory", files.cd, 1),
        "databases": Command("databases", "the attached databases and their files", _databases, 0, 0),
        "echo": Command("echo on|off", "show each statement before it runs", _echo, 1),
        "endpoints": Command("endpoints", "the endpoints of the settings", _endpoints, 0, 0),
        "estimate": Command(
            "estimate [SQL]", "what SQL would cost; alone: price the next statement, then ask", _estimate, whole=True
        ),
        "exit": Command("exit [STATUS]", "leave", _quit),
        "headers": Command("headers on|off", "show column names", _headers, 1),
        "help": Command("help [WORD]", "this list", _help),
        "import": Command("import FILE TABLE", "read CSV, JSON or Parquet into a table", files.import_, 2, 2),
        "indexes": Command("indexes [TABLE]", "the indexes", _indexes),
        "maxrows": Command("maxrows COUNT", "rows that a box shows (40)", _max_rows, 1),
        "maxwidth": Command("maxwidth COUNT", "columns that a box takes; 0: the terminal's", _max_width, 1),
        "mode": Command("mode [MODE [TABLE]]", "how results look: " + " ".join(NAMES), _mode, 0, 2),
        "nullvalue": Command("nullvalue TEXT", "what stands for NULL", _null, 1),
        "once": Command("once FILE", "write the next statement's result to a file, or to |COMMAND", files.once, 1),
        "open": Command("open [-readonly] [FILE]", "open another database; alone: one in memory", files.open_, 0, 2),
        "output": Command("output [FILE]", "write results to a file, or to |COMMAND; alone: to stdout", files.output),
        "print": Command("print TEXT...", "write a text", _print, 0, 1_000),
        "quit": Command("quit", "leave", _quit, 0, 0),
        "read": Command("read FILE", "run a script", files.read, 1),
        "schema": Command("schema [PATTERN]", "the CREATE statements of tables and views", _schema),
        "separator": Command(
            "separator COLUMN [ROW]", "what stands between values in csv, list and quote", _separator, 1, 2
        ),
        "shell": Command("shell COMMAND", "run a command of the system", files.shell, 1, whole=True),
        "show": Command("show", "what is set here", _show, 0, 0),
        "system": Command("system COMMAND", "the same as .shell", files.shell, 1, whole=True),
        "tables": Command("tables [PATTERN]", "the tables and views", _tables),
        "timer": Command("timer on|off", "say how long each statement took", _timer, 1),
        "usage": Command("usage", "what the last 20 statements asked and cost", _usage, 0, 0),
        "version": Command("version", "which versions these are", _version, 0, 0),
    }
)
