"""The shell in a real terminal, as a person uses it."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import CTRL_C, CTRL_D, ENTER, PROGRAM, TAB, UP, Terminal, write_settings

from ddb_aiquery.testing import ScriptedEndpoint

pytestmark = pytest.mark.xdist_group("shell")
Start = Callable[..., Terminal]


@pytest.fixture(scope="module")
def session(environ: dict[str, str], home: Path) -> Iterator[Terminal]:
    """One session that many interactions share, one after the other."""
    (home / "script.sql").write_text("SELECT 'from a file' AS a;\n", encoding="utf-8")
    (home / "bad.sql").write_text("SELECT 1;\n\nSELECT nothing;\nSELECT 'never';\n", encoding="utf-8")
    terminal = Terminal(PROGRAM, environ, cwd=home, rows=900)
    terminal.wait_for("memory D")
    terminal.enter("CREATE TABLE customers (forename VARCHAR, surname VARCHAR); CREATE TABLE made (i INT);")
    yield terminal
    terminal.type(CTRL_D)
    assert terminal.wait_end() == 0
    terminal.close()


INTERACTIONS = [
    ("a box", "SELECT 42 AS answer;", "│ answer │"),
    ("a box's types", "SELECT 42::BIGINT AS answer;", "│ int64  │"),
    ("several lines", "SELECT\r1 AS one,\r2 AS two;", "│  one  │  two  │"),
    ("two statements", "SELECT 'first'; SELECT 'second';", "│ second"),
    ("a semicolon in a text", "SELECT 'a;b' AS s;", "│ a;b"),
    ("a semicolon in a comment", "SELECT 3 /* ; */ AS three;", "│ three │"),
    ("a semicolon in dollar quotes", "SELECT $x$d;e$x$ AS dollars;", "│ d;e"),
    ("nothing", "", ""),
    ("a comment", "-- only this", ""),
    ("silence after DDL", "CREATE TABLE later (i INT);", "later (i INT);\nmemory D"),
    ("silence after DML", "INSERT INTO made VALUES (1), (2);", "VALUES (1), (2);\nmemory D"),
    ("rows of RETURNING", "INSERT INTO made VALUES (3) RETURNING i + 100 AS plus;", "│   103 │"),
    ("a plan", "EXPLAIN SELECT 1;", "Projection"),
    ("an error", "SELECT nosuch;", 'Binder Error: Referenced column "nosuch" was not found'),
    ("a syntax error", "SELEC 1;", "Parser Error"),
    ("life after an error", "SELECT 'alive' AS still;", "│ alive"),
    ("a call", "SELECT ai_query('test', 'hello') AS said;", "│ echo: hello"),
    ("a call's figures", "SELECT ai_query('test', 'figures') AS said;", "1 row, 1 question: 0 cached, 1 sent"),
    (
        "a call from the cache",
        "SELECT ai_query('test', 'twice') AS a; SELECT ai_query('test', 'twice') AS b;",
        "1 row, 1 question: 1 cached, 0 sent",
    ),
    (".help", ".help", ".estimate [SQL]"),
    (".help for a word", ".help mode", ".mode [MODE [TABLE]]"),
    (".tables", ".tables", "\ncustomers\n"),
    (".tables with a pattern", ".tables cust%", "\ncustomers\n"),
    (".schema", ".schema customers", "CREATE TABLE customers(forename VARCHAR, surname VARCHAR);"),
    (".mode", ".mode", "mode duckbox; one of ascii, box"),
    (".mode with a wrong name", ".mode nice", "Error: .mode takes one of"),
    ("an unknown command", ".nosuch", "Error: unknown command .nosuch: see .help"),
    ("an unclear command", ".e", "Error: unknown command .e: it could be .echo, .endpoints, .estimate, .exit"),
    (".read", ".read script.sql", "│ from a file"),
    (".read of a bad file", ".read bad.sql", "bad.sql:3: Binder Error"),
    (".read of no file", ".read nosuch.sql", "Error: cannot read nosuch.sql: No such file or directory"),
    (".print", ".print some words", "\nsome words\n"),
    (".endpoints", ".endpoints", "│ test"),
    (".databases", ".databases", "memory: (memory)"),
    (".show", ".show", "   output: stdout"),
    (".help for no word", ".help nosuch", "Error: no command has 'nosuch' in its name"),
    (".shell", ".shell echo from  outside", "from outside"),
    (".cd to nowhere", ".cd nosuch", "Error: cannot go to nosuch: No such file or directory"),
    (".output to nowhere", ".output nosuch/out.txt", "Error: cannot write nosuch/out.txt: No such file or directory"),
    (".estimate of a statement", ".estimate SELECT ai_query('test', 'new')", "1 to send"),
]


@pytest.mark.parametrize(("typed", "shown"), [i[1:] for i in INTERACTIONS], ids=[i[0] for i in INTERACTIONS])
def test_what_is_typed_is_answered(session: Terminal, typed: str, shown: str) -> None:
    """Each statement and command shows what it should before the prompt comes back."""
    assert shown in session.enter(typed)


def test_what_was_asked_is_looked_at(session: Terminal) -> None:
    """`.usage` lists statements, `.cache` counts answers."""
    session.enter("SELECT ai_query('test', 'looked at');")
    assert "SELECT ai_query('test', 'looked" in session.enter(".usage")
    assert re.search(r"answers +[1-9]", session.enter(".cache"))


def test_a_mode_stays_until_the_next(session: Terminal) -> None:
    """`.mode`, `.headers`, `.nullvalue` and `.separator` shape every later result."""
    for command in (".mode csv", ".headers off", ".nullvalue nil", ".separator ;"):
        session.enter(command)
    assert "\n1;nil;x\n" in session.enter("SELECT 1, NULL, 'x';")
    for command in (".mode duckbox", ".headers on", ".nullvalue NULL"):
        session.enter(command)


def test_results_go_to_a_file_and_back(session: Terminal, home: Path) -> None:
    """`.output` takes results to a file until the next `.output`."""
    session.enter(".output out.txt")
    assert "into a file" not in session.enter("SELECT 'into' || ' a file' AS x;")
    session.enter(".output")
    assert "│ to the screen" in session.enter("SELECT 'to the' || ' screen' AS x;")
    assert "│ into a file" in (home / "out.txt").read_text(encoding="utf-8")


def test_colours_are_those_that_the_terminal_names(session: Terminal) -> None:
    """Keywords, texts and numbers have names of colours, which each terminal shows as can be read on its ground."""
    session.enter("SELECT 'colour', 42;")
    looks = {cell.fg for row in session.screen.buffer.values() for cell in row.values()}
    assert {"green", "brown", "cyan"} <= looks  # what pyte calls yellow is brown
    assert not [look for look in looks if re.fullmatch("[0-9a-f]{6}", look)]


def test_the_timer(session: Terminal) -> None:
    """`.timer on` says how long each statement took."""
    session.enter(".timer on")
    assert re.search(r"Run Time \(s\): real \d+\.\d{3}", session.enter("SELECT 1;"))
    session.enter(".timer off")


def test_an_estimate_is_asked_about(session: Terminal, endpoint: ScriptedEndpoint) -> None:
    """`.estimate` prices the next statement, and runs it only after a yes."""
    session.enter(".estimate")
    before = endpoint.requests
    session.type("SELECT ai_query('test', 'priced') AS p;" + ENTER)
    session.wait_for("Run it? [y/N]")
    assert endpoint.requests == before
    assert "echo: priced" not in session.enter("n")
    session.enter(".estimate")
    session.type("SELECT ai_query('test', 'priced') AS p;" + ENTER)
    session.wait_for("Run it? [y/N]", times=2)
    assert "echo: priced" in session.enter("y")
    assert endpoint.requests == before + 1


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("SELE", "SELECT"),
        ("SELECT ai_quer", "ai_query"),
        ("SELECT * FROM custo", "customers"),
        ("SELECT c.surn", "surname"),
        ("SELECT ai_query('te", "ai_query('test"),
        (".endp", ".endpoints"),
        (".mode mark", ".mode markdown"),
    ],
)
def test_tab_completes(session: Terminal, typed: str, completed: str) -> None:
    """Tab completes keywords, functions, tables, columns, endpoints and commands."""
    before = len(session.text)
    session.type("FROM customers c SELECT c.surn" + TAB if "c.surn" in typed else typed + TAB)
    session.wait(lambda screen: completed in screen[before:], completed)
    session.enter("", end=CTRL_C)


def test_tab_completes_before_the_database_is_open(opened: Start) -> None:
    """The prompt is there before DuckDB; what is typed into it at once is completed all the same."""
    terminal = opened()
    terminal.type("SELECT ai_query('" + TAB)
    terminal.wait_for("ai_query('test")


def test_an_arrow_brings_the_last_entry_back(session: Terminal) -> None:
    """The history is at hand."""
    session.enter("SELECT 'again' AS h;")
    session.type(UP)
    session.wait_for("SELECT 'again' AS h;", times=2)
    assert session.enter("").count("again") >= 1


def test_ctrl_c_at_the_prompt_drops_the_line(session: Terminal) -> None:
    """A half statement is gone after Ctrl-C, and the shell goes on."""
    session.type("SELECT half")
    session.wait_for("SELECT half")
    session.enter("", end=CTRL_C)
    assert "│ whole" in session.enter("SELECT 'whole' AS w;")


def test_a_pasted_script_runs_to_its_end(opened: Start) -> None:
    """A script of 200 lines, pasted between marks, runs statement by statement."""
    terminal = opened()
    terminal.enter(".mode list")
    terminal.paste("\n".join(f"SELECT {n} * 1000 AS n,\n  'line';" for n in range(100)))
    terminal.wait_for("SELECT 99 * 1000")
    terminal.type(ENTER)
    shown = terminal.wait_for("99000|line")
    assert [f"{n * 1000}|line" in shown for n in range(100)] == [True] * 100


def test_a_script_pasted_without_marks_runs_to_its_end(opened: Start) -> None:
    """200 lines that arrive as if they were typed run one by one; none is lost while a statement runs."""
    terminal = opened()
    terminal.type(".mode list" + ENTER)
    terminal.type("".join(f"SELECT {n} * 1000 AS n,\r  'line';\r" for n in range(100)))
    shown = terminal.wait_for("99000|line")
    assert [f"{n * 1000}|line" in shown for n in range(100)] == [True] * 100


def test_ctrl_c_cancels_the_query_and_not_the_shell(opened: Start, home: Path) -> None:
    """Ctrl-C ends a query that waits for a model; what came stays, and the next statement works."""
    with ScriptedEndpoint(lambda prompt, _: f"echo: {prompt}", latency=60.0) as slow:
        settings = slow.settings("test")
        terminal = opened("-config", str(write_settings(home / "slow.toml", settings)))
        terminal.type("SELECT ai_query('test', 'slow ' || i) FROM range(20000) t(i);" + ENTER)
        terminal.wait_for("ai_query ━")
        assert slow.requests > 0
        terminal.press_until(CTRL_C, "Cancelled; answers that arrived are kept.")
        assert "│ alive" in terminal.enter("SELECT 'alive' AS still;")


def test_ctrl_c_cancels_a_query_without_calls(opened: Start) -> None:
    """Ctrl-C ends DuckDB's own work too."""
    terminal = opened()
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE hash(a.range + b.range) = 1;"
    terminal.type(f"SELECT 'begun' AS b; {endless}" + ENTER)
    terminal.wait_for("│ begun")
    terminal.press_until(CTRL_C, "Cancelled; answers that arrived are kept.")
    assert "│ alive" in terminal.enter("SELECT 'alive' AS still;")


def test_a_dear_statement_is_asked_about(opened: Start, home: Path, endpoint: ScriptedEndpoint) -> None:
    """A statement above `confirm_usd` runs only after a yes."""
    settings = endpoint.settings("test", input_price=1e6, output_price=1e6) | {"budget": {"confirm_usd": 0.5}}
    terminal = opened("-config", str(write_settings(home / "dear.toml", settings)))
    terminal.type("SELECT ai_query('test', 'a dear question') AS d;" + ENTER)
    terminal.wait_for("That is above $0.5. Run it? [y/N]")
    before = endpoint.requests
    assert "echo" not in terminal.enter("n")
    assert endpoint.requests == before
    assert "│     5 │" in terminal.enter("SELECT 2 + 3 AS five;")
    terminal.type("SELECT list_transform(['un'], lambda x: ai_query('test', x || 'known')) AS d;" + ENTER)
    terminal.wait_for("Its price is not known beforehand. Run it? [y/N]")
    assert "echo" not in terminal.enter("n")
    assert endpoint.requests == before


def test_another_database_is_opened(opened: Start) -> None:
    """`.open` changes the database and the prompt; the file keeps what was written."""
    terminal = opened("first.duckdb")
    terminal.wait_for("first D")
    terminal.enter("CREATE TABLE kept AS SELECT 7 AS seven;")
    assert "second D" in terminal.enter(".open second.duckdb")
    assert "kept" not in terminal.enter(".tables").replace(".tables", "")
    assert "first D" in terminal.enter(".open -readonly first.duckdb")
    assert "│     7 │" in terminal.enter("FROM kept;")
    assert "read-only" in terminal.enter("DROP TABLE kept;")


def test_the_history_keeps_no_credential(opened: Start, home: Path) -> None:
    """The history file is the owner's alone, outlives the session, and holds no key."""
    terminal = opened()
    terminal.enter("SELECT 'kept for later' AS k;")
    terminal.enter("SELECT 'sk-abcdefghijklmnopqrstuvwxyz123456' AS k;")
    terminal.enter("CREATE SECRET s (TYPE http, BEARER_TOKEN 'quite plain');")
    terminal.type(CTRL_D)
    assert terminal.wait_end() == 0
    file = home / "state" / "ddb_aiquery" / "shell_history"
    text = file.read_text(encoding="utf-8")
    assert "kept for later" in text
    assert "sk-abc" not in text
    assert "quite plain" not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("typed", "status"), [(".quit\r", 0), (".exit 3\r", 3), (CTRL_D, 0)])
def test_leaving(opened: Start, typed: str, status: int) -> None:
    """`.quit`, `.exit` and Ctrl-D leave."""
    terminal = opened()
    terminal.type(typed)
    assert terminal.wait_end() == status


def test_a_database_that_cannot_be_opened_ends_the_shell(opened: Start, home: Path) -> None:
    """A file that is no database is an error at once, not at the first statement."""
    (home / "no.duckdb").write_bytes(b"this is not a database" * 1000)
    terminal = opened("no.duckdb")
    assert terminal.wait_end() == 1
    assert "Error: " in terminal.text


def test_an_answer_cannot_steer_the_terminal(opened: Start) -> None:
    """Escape sequences in a result are shown, not obeyed."""
    terminal = opened("-list")
    assert r"\x1b[2Jstill here" in terminal.enter("SELECT chr(27) || '[2Jstill here' AS x;")
