"""The words after `ddb-aiquery` that open a shell: those of `duckdb`, so far as they make sense here."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ddb_aiquery._shell.layouts import NAMES, Style, unescaped

_JOINED = re.compile(r"-[csf][^\s-]\S*")
"""What argparse would take for -c, -s or -f with the value behind it: `-safe` for the SQL `afe`."""
_SEPARATORS = frozenset({"separator", "newline"})
Work = list[tuple[str, str]]
"""What is run in the place of the prompt, in the order given: ("sql" | "file" | "first", text)."""


class Given(argparse.Namespace):
    """What the command line said."""

    database: str
    sql: str | None
    work: Work
    style: Style
    bail: bool
    readonly: bool
    yes: bool
    config: str | None
    interactive: bool
    batch: bool
    echo: bool
    stdin: bool


class _Styled(argparse.Action):
    """Changes one thing of the style; later words win, as in `duckdb`."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ARG002
        value = values if isinstance(values, str) else self.const
        if self.dest in _SEPARATORS:
            value = unescaped(value)
        namespace.style = replace(namespace.style, **{self.dest: value})


class _Work(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ARG002
        namespace.work = [*namespace.work, (self.dest, values)]


def add_options(parser: argparse._ActionsContainer) -> frozenset[str]:
    """Add the shell's options, each with one hyphen or with two, and return how they are spelt."""
    known = {"-h", "-help", "--help"}

    def option(*names: str, **more: Any) -> None:
        spelt = [f"{'-' * count}{name}" for name in names for count in ((1,) if len(name) == 1 else (1, 2))]
        known.update(spelt)
        parser.add_argument(*spelt, **{"default": argparse.SUPPRESS, **more})

    option("c", "s", dest="sql", action=_Work, metavar="SQL", help="run SQL and exit; may be repeated")
    option("f", "file", dest="file", action=_Work, metavar="FILE", help="run a script and exit")
    option("cmd", dest="first", action=_Work, metavar="SQL", help="run SQL before anything else")
    option("init", dest="init", action=_Work, metavar="FILE", help="run a script before anything else")
    for mode in NAMES:
        text = argparse.SUPPRESS if mode == "trash" else f"show results as {mode}"
        option(mode, dest="mode", action=_Styled, nargs=0, const=mode, help=text)
    option("header", dest="header", action=_Styled, nargs=0, const=True, help="show column names")
    option("noheader", dest="header", action=_Styled, nargs=0, const=False, help="show none")
    option("nullvalue", dest="null", action=_Styled, metavar="TEXT", help="what stands for NULL")
    option("separator", dest="separator", action=_Styled, metavar="SEP", help="what stands between values")
    option("newline", dest="newline", action=_Styled, metavar="SEP", help="what ends a row")
    option("bail", action="store_true", default=False, help="stop a piped script at its first error")
    option("readonly", action="store_true", default=False, help="open the database read-only")
    option("yes", action="store_true", default=False, help="run statements above [budget] confirm_usd")
    option("interactive", action="store_true", default=False, help="show the prompt whatever stdin is")
    option("batch", action="store_true", default=False, help="show no prompt, whatever stdin is")
    option("echo", action="store_true", default=False, help="show each statement before it runs")
    option("no-init", dest="no_init", action="store_true", default=False, help=argparse.SUPPRESS)  # there is no file
    option("no-stdin", dest="stdin", action="store_false", default=True, help="do not read stdin")
    option("config", metavar="FILE", default=None, help="the settings file (TOML)")
    return frozenset(known)


def parse(arguments: Sequence[str]) -> Given:
    """Read the command line of the shell; argparse itself ends the program where it is wrong."""
    parser = argparse.ArgumentParser("ddb-aiquery", allow_abbrev=False)
    parser.add_argument("database", nargs="?", default=":memory:", metavar="DATABASE")
    parser.add_argument("statement", nargs="?", default=None, metavar="SQL", help="the same as -c SQL")
    parser.set_defaults(style=Style(), work=[])
    known = add_options(parser)
    joined = next((word for word in arguments if _JOINED.fullmatch(word) and word.partition("=")[0] not in known), None)
    if joined is not None:
        parser.error(f"unrecognized arguments: {joined}")
    given = parser.parse_intermixed_args(arguments, Given())
    if given.statement is not None:
        given.work = [*given.work, ("sql", given.statement)]
    return given
