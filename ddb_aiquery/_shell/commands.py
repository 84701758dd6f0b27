"""The dot commands: what the shell itself obeys."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ddb_aiquery._shell.layouts import NAMES
from ddb_aiquery._shell.leaving import Quit
from ddb_aiquery._sql import named
from ddb_aiquery.errors import AiQueryError

if TYPE_CHECKING:
    from ddb_aiquery._shell.shell import Shell
    from ddb_aiquery._values import Estimate

Work = Callable[["Shell", Sequence[str]], None]


class Reported(AiQueryError):
    """Something failed inside a script that a command ran, and was said there."""


@dataclass(frozen=True, slots=True)
class Command:
    """One dot command: what it takes, what it does, and how many words it takes at least and at most."""

    usage: str
    text: str
    work: Work
    least: int = 0
    most: int = 1


def obey(shell: Shell, line: str) -> None:
    """Obey one dot command; a name may be shortened while it stays clear.

    Raises:
        AiQueryError: there is no such command, or it is written wrongly.
    """
    name, _, rest = line[1:].partition(" ")
    command = COMMANDS[_full(name)]
    if command.work is _estimate:
        words = [rest.strip()] if rest.strip() else []
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
    for name, command in COMMANDS.items():
        if not words or words[0].removeprefix(".") in name:
            shell.out.write(f".{command.usage:<24} {command.text}\n")
    shell.out.flush()


def _mode(shell: Shell, words: Sequence[str]) -> None:
    if not words:
        shell.say(f"mode {shell.style.mode}; one of {', '.join(NAMES)}")
        return
    if words[0] not in NAMES:
        raise AiQueryError(f".mode takes one of {', '.join(NAMES)}")
    shell.style = replace(shell.style, mode=words[0])


def _tables(shell: Shell, words: Sequence[str]) -> None:
    _column(shell, "tables", words[0] if words else "%")


def _schema(shell: Shell, words: Sequence[str]) -> None:
    _column(shell, "schema", words[0] if words else "%")


def _column(shell: Shell, query: str, pattern: str) -> None:
    rows = shell.con.raw.execute(named("shell.sql")[query], {"pattern": pattern}).fetchall()
    shell.out.writelines(f"{row[0]}\n" for row in rows)
    shell.out.flush()


def _open(shell: Shell, words: Sequence[str]) -> None:
    names = [word for word in words if not word.startswith("-")]
    options = {word.lstrip("-") for word in words} - set(names)
    if len(names) > 1 or not options <= {"readonly"}:
        raise AiQueryError("usage: .open [-readonly] [FILE]")
    shell.open(names[0] if names else ":memory:", read_only=bool(options))


def _read(shell: Shell, words: Sequence[str]) -> None:
    if not shell.file(words[0]):
        raise Reported


def _output(shell: Shell, words: Sequence[str]) -> None:
    target = sys.stdout if not words else Path(words[0]).expanduser().open("w", encoding="utf-8")
    if shell.out is not sys.stdout:
        shell.out.close()
    shell.out = target


def _timer(shell: Shell, words: Sequence[str]) -> None:
    shell.timer = _switch("timer", words[0])


def _headers(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, header=_switch("headers", words[0]))


def _bail(shell: Shell, words: Sequence[str]) -> None:
    shell.bail = _switch("bail", words[0])


def _null(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, null=words[0])


def _separator(shell: Shell, words: Sequence[str]) -> None:
    column, *row = (word.encode().decode("unicode_escape") for word in words)
    shell.style = replace(shell.style, separator=column, newline=row[0] if row else shell.style.newline)


def _max_rows(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, max_rows=_count("maxrows", words[0]))


def _max_width(shell: Shell, words: Sequence[str]) -> None:
    shell.style = replace(shell.style, max_width=_count("maxwidth", words[0]))


def _print(shell: Shell, words: Sequence[str]) -> None:
    shell.out.write(" ".join(words) + "\n")
    shell.out.flush()


def _cd(_shell: Shell, words: Sequence[str]) -> None:
    os.chdir(Path(words[0]).expanduser())


def _quit(_shell: Shell, words: Sequence[str]) -> None:
    raise Quit(_count("exit", words[0]) if words else 0)


def _endpoints(shell: Shell, _words: Sequence[str]) -> None:
    shell.show(named("shell.sql")["endpoints"])


def _estimate(shell: Shell, words: Sequence[str]) -> None:
    if words:
        shell.out.write(spelt(shell.con.estimate(words[0])) + "\n")
        shell.out.flush()
    else:
        shell.price_next = True


def _usage(shell: Shell, _words: Sequence[str]) -> None:
    shell.show(named("shell.sql")["usage"])


def _cache(shell: Shell, _words: Sequence[str]) -> None:
    from ddb_aiquery._commands import cache  # noqa: PLC0415 (a command imports only its own)

    with contextlib.redirect_stdout(shell.out):
        cache.stats(shell.config)


def spelt(priced: Estimate) -> str:
    """Return an Estimate as one line."""
    most = "at most " if priced.bound else ""
    note = f" ({priced.note})" if priced.note else ""
    return (
        f"{priced.rows:,} rows, {most}{priced.questions:,} questions: {priced.cached:,} cached, "
        f"{priced.to_send:,} to send; about {priced.input_tokens:,} input tokens, ${priced.cost_usd:.4f}{note}"
    )


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
        "cd": Command("cd DIRECTORY", "change the working directory", _cd, 1),
        "endpoints": Command("endpoints", "the endpoints of the settings", _endpoints, 0, 0),
        "estimate": Command(
            "estimate [SQL]", "what SQL would cost; alone: price the next statement, then ask", _estimate
        ),
        "exit": Command("exit [STATUS]", "leave", _quit),
        "headers": Command("headers on|off", "show column names", _headers, 1),
        "help": Command("help [WORD]", "this list", _help),
        "maxrows": Command("maxrows COUNT", "rows that a box shows (40)", _max_rows, 1),
        "maxwidth": Command("maxwidth COUNT", "columns that a box takes; 0: the terminal's", _max_width, 1),
        "mode": Command("mode [MODE]", "how results look: " + " ".join(NAMES), _mode),
        "nullvalue": Command("nullvalue TEXT", "what stands for NULL", _null, 1),
        "open": Command("open [-readonly] [FILE]", "open another database, in memory without a file", _open, 0, 2),
        "output": Command("output [FILE]", "write results to a file; alone: to stdout again", _output),
        "print": Command("print TEXT...", "write a text", _print, 0, 1_000),
        "quit": Command("quit", "leave", _quit, 0, 0),
        "read": Command("read FILE", "run a script", _read, 1),
        "schema": Command("schema [PATTERN]", "the CREATE statements of tables and views", _schema),
        "separator": Command(
            "separator COLUMN [ROW]", "what stands between values in csv, list and quote", _separator, 1, 2
        ),
        "tables": Command("tables [PATTERN]", "the tables and views", _tables),
        "timer": Command("timer on|off", "say how long each statement took", _timer, 1),
        "usage": Command("usage", "what the last 20 statements asked and cost", _usage, 0, 0),
    }
)
