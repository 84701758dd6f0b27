"""The command line: `ddb-aiquery [DATABASE]`, and one subcommand for each thing that is not SQL."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ddb_aiquery import __version__
from ddb_aiquery.errors import AiQueryError

COMMANDS = ("demo", "serve", "native", "translate", "cache", "usage", "endpoints", "estimate")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, or the shell where the first word is none; the exit status is 0 only when all went well."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    _write_whole()
    _speak_utf8()
    try:
        _check_text(words)
        if words[:1] and words[0] in {*COMMANDS, "-h", "-help", "--help", "-version", "--version"}:
            parsed = parser().parse_args(
                [{"-help": "--help", "-version": "--version"}.get(words[0], words[0]), *words[1:]]
            )
            run: Callable[[argparse.Namespace], int] = parsed.run
            return run(parsed)
        _check_name(words)
        from ddb_aiquery._shell import opening  # noqa: PLC0415 (a command imports only its own)

        return opening.run(words)
    except AiQueryError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled; answers that arrived are kept.", file=sys.stderr)
        return 130


def _write_whole() -> None:
    """Give stdout a buffer where PYTHONUNBUFFERED took it: without one, Python drops what a signal cut off a write."""
    if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, io.FileIO):
        sys.stdout = open(sys.stdout.fileno(), "w", buffering=1, closefd=False)  # noqa: SIM115 (for the whole process)


def _speak_utf8() -> None:
    """Read and write UTF-8 as `duckdb` does, whatever the locale says; bytes that are none come out as they came."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(io.UnsupportedOperation):  # a program that calls `main` has read from it
                stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8")


def _check_text(words: Sequence[str]) -> None:
    """Refuse bytes that are no UTF-8, which come in as half characters."""
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        raise AiQueryError("an argument is not UTF-8 text") from None


def _check_name(words: Sequence[str]) -> None:
    """Refuse a new database that is called almost as a command is: a slip of the finger would make a file."""
    name = words[0] if words else ""
    if not name.isalpha() or Path(name).exists():
        return
    import difflib  # noqa: PLC0415 (a usual start does without)

    if near := difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.8):
        raise AiQueryError(f"there is no {name}: did you mean {near[0]}? (./{name} makes a database of that name)")


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command line; what a command needs is imported when it runs."""
    from ddb_aiquery._shell.grammar import add_options  # noqa: PLC0415 (light, and only help shows it)

    top = argparse.ArgumentParser(
        "ddb-aiquery",
        usage="ddb-aiquery [DATABASE [SQL]] [OPTION ...]\n       ddb-aiquery COMMAND ...",
        description="ai_query for DuckDB: call language models from SQL. Without a command: a shell on DATABASE "
        "(in memory without one; write ./NAME for a file that has a command's name).",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"ddb-aiquery {__version__}")
    add_options(top.add_argument_group("the shell"))
    commands = top.add_subparsers(title="commands", metavar="COMMAND", prog="ddb-aiquery")
    _demo(commands)
    _cache(commands)
    _usage(commands)
    _endpoints(commands)
    _estimate(commands)
    _serve(commands)
    _native(commands)
    _translate(commands)
    return top


Commands = Any  # argparse has only a private name for it


def _command(
    commands: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--config", metavar="FILE", help="the settings file (TOML)")
    command.set_defaults(run=run)
    return command


def _within(kind: type[int | float], least: int, most: float = math.inf) -> Callable[[str], float]:
    """Return how a number of an argument is read, which says what it may be."""

    def read(text: str) -> float:
        number = kind(text)
        if not least <= number <= most:
            limit = f"{least} or more" if most == math.inf else f"from {least} to {most:.0f}"
            raise argparse.ArgumentTypeError(f"{text} is not {limit}")
        return number

    read.__name__ = kind.__name__  # argparse says it where the text is no number
    return read


def _demo(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import demo  # noqa: PLC0415 (a command imports only its own)

        return demo.run(given.endpoint, given.config)

    text = "three queries over shipped data, twice; simulated unless an endpoint is named"
    _command(commands, "demo", text, run).add_argument("--endpoint", metavar="NAME", help="a real endpoint")


def _cache(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import cache  # noqa: PLC0415

        if given.action == "stats":
            return cache.stats(given.config)
        if given.action == "export":
            return cache.export(given.path, given.config)
        return cache.clear(given.config, older_than_days=given.older_than_days, endpoint=given.endpoint)

    command = _command(commands, "cache", "look at, export or empty the answers kept on disk", run)
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("stats", help="how many answers, where, and what they cost")
    actions.add_parser("export", help="write them to a file").add_argument("path", help="a .parquet or .jsonl file")
    clear = actions.add_parser("clear", help="forget answers")
    clear.add_argument("--older-than-days", type=_within(float, 0), metavar="N", help="only those older than N days")
    clear.add_argument("--endpoint", metavar="NAME", help="only those of one endpoint")


def _usage(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import usage  # noqa: PLC0415

        return usage.run(given.config, given.limit)

    command = _command(commands, "usage", "what the last statements asked and cost", run)
    command.add_argument("--limit", type=_within(int, 1), default=20, metavar="N", help="how many statements (20)")


def _endpoints(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import endpoints  # noqa: PLC0415

        return endpoints.run(given.config, test=given.test)

    command = _command(commands, "endpoints", "the endpoints of the settings", run)
    command.add_argument("--test", action="store_true", help="call each once with a tiny prompt")


def _estimate(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import estimate  # noqa: PLC0415

        if (given.sql is None) == (given.dbt_project is None):
            raise AiQueryError("estimate takes a statement or --dbt-project DIR, one of them")
        if given.dbt_project is not None:
            return estimate.run_dbt(given.dbt_project)
        return estimate.run(given.sql, given.database, given.config)

    command = _command(commands, "estimate", "what a statement would ask and cost, without one call", run)
    command.add_argument("sql", nargs="?", help="the statement")
    command.add_argument("--dbt-project", metavar="DIR", help="a dbt project instead: each of its models")
    command.add_argument("--database", default=":memory:", metavar="FILE", help="the DuckDB database")


def _serve(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import serve  # noqa: PLC0415

        return serve.run(given)

    text = "a local gateway: the serving REST contract over the same endpoints, cache and budget"
    command = _command(commands, "serve", text, run)
    command.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    command.add_argument("--port", type=_within(int, 0, 65_535), default=8080, help="the port, 0 for a free one (8080)")
    command.add_argument("--token-file", metavar="FILE", help="the token, in a file of mode 0600 (made at first use)")
    command.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="a name it is called by")
    text = "how long a client waits while the endpoint rejects (30)"
    command.add_argument("--patience", type=_within(float, 0), default=30.0, metavar="SECONDS", help=text)


def _native(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import native  # noqa: PLC0415

        if given.action == "shell":
            return native.shell(given.arguments, given.config)
        return {"install": native.install, "uninstall": native.uninstall, "status": native.status}[given.action]()

    command = _command(commands, "native", "ai_query in the real `duckdb` shell", run)
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    # A prefix that nobody types: every word after `shell` is for duckdb, its flags too.
    shell = actions.add_parser("shell", help="start duckdb with ai_query", add_help=False, prefix_chars="\0")
    shell.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to duckdb")
    for action, text in (("install", "build the bridge"), ("uninstall", "remove it"), ("status", "does it work?")):
        actions.add_parser(action, help=text)


def _translate(commands: Commands) -> None:
    def run(given: argparse.Namespace) -> int:
        from ddb_aiquery._commands import translate  # noqa: PLC0415

        return translate.run(given.sql)

    text = "Databricks SQL to DuckDB SQL"
    command = commands.add_parser("translate", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("sql", help="the statement, or a file of statements; - for standard input")
