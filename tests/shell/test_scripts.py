"""The shell without a terminal: flags, files, pipes, exit statuses."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from terminal import PROGRAM, write_settings

from ddb_aiquery.testing import ScriptedEndpoint

pytestmark = pytest.mark.xdist_group("shell")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_results_go_to_stdout_and_figures_to_stderr(ran: Run) -> None:
    """A pipe gets the rows and nothing else."""
    done = ran("-csv", "-c", "SELECT ai_query('test', 'piped') AS said")
    assert (done.returncode, done.stdout) == (0, "said\necho: piped\n")
    assert "1 row, 1 question: 0 cached, 1 sent" in done.stderr


def test_an_estimate_is_one_line_that_says_up_to_what_it_costs(ran: Run) -> None:
    """As a command and as a dot command, priced by the most that an answer may be."""
    line = r"2 rows, 2 questions: 0 cached, 2 to send; about \d+ input tokens, up to \$0\.\d+\n"
    sql = "SELECT ai_query('test', 'new ' || i) FROM range(2) t(i)"
    for done in (ran("estimate", sql), ran("-c", f".estimate {sql}")):
        assert re.fullmatch(line, done.stdout)


def test_usage_has_the_times_of_the_users_clock(ran: Run, home: Path) -> None:
    """The command and the dot command agree, wherever the user is; before the first statement there is no table."""
    here = {"TZ": "Asia/Tokyo", "DDB_AIQUERY_CACHE": str(home / "elsewhere")}
    assert ran("usage", **here).stdout == "No statement has asked anything yet.\n"
    ran("-c", "SELECT ai_query('test', 'when')", **here)
    time_of_day = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    (told,), (listed,) = (
        re.findall(time_of_day, ran(*words, **here).stdout) for words in (["usage"], ["-c", ".usage"])
    )
    assert told == listed
    at = datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone(timedelta(hours=9)))
    assert abs(datetime.now(UTC) - at) < timedelta(hours=1)


def test_without_settings_the_endpoints_say_where_they_go(ran: Run, home: Path) -> None:
    """No empty table, but the file that is to be written."""
    (home / "empty.toml").write_text("", encoding="utf-8")
    said = ran("endpoints", "--config", "empty.toml").stdout
    assert said == "No endpoint is set up: add [endpoints.NAME] with base_url and model to empty.toml\n"


def test_a_command_with_a_slip_makes_no_database(ran: Run, home: Path) -> None:
    """It is asked about, and what is meant as a name can be said to be one."""
    done = ran("estimat", "SELECT 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "Error: there is no estimat: did you mean estimate? (./estimat makes a database of that name)\n"
    )
    assert not (home / "estimat").exists()
    assert ran("./estimat", "-csv", "SELECT 1 AS a").stdout == "a\n1\n"
    assert ran("estimat", "-csv", "SELECT 2 AS a").stdout == "a\n2\n"


def test_the_mode_is_changed_in_a_pipe(ran: Run) -> None:
    """`.mode csv` in a piped script shapes what follows."""
    assert ran(stdin="SELECT 1 AS a;\n.mode csv\nSELECT 2 AS b, 'x,y' AS c;\n").stdout.endswith('b,c\n2,"x,y"\n')


def test_an_error_in_the_middle_of_a_file_names_its_line(ran: Run, home: Path) -> None:
    """The file ends at its first error, with status 1 and `file:line` on stderr."""
    (home / "middle.sql").write_text("SELECT 'one';\n\nSELECT 2,\n  FROM FROM;\nSELECT 'never';\n", encoding="utf-8")
    done = ran("-list", "-noheader", "-f", "middle.sql")
    assert (done.returncode, done.stdout) == (1, "one\n")
    assert done.stderr.startswith("middle.sql:4: Parser Error: ")


def test_a_pipe_goes_on_after_an_error_unless_told_otherwise(ran: Run) -> None:
    """As in `duckdb`: the status is 1 all the same, and `-bail` stops."""
    script = "SELECT 1;\nSELECT nosuch;\nSELECT 3;\n"
    done = ran("-list", "-noheader", stdin=script)
    assert (done.returncode, done.stdout) == (1, "1\n3\n")
    assert "stdin:2: Binder Error" in done.stderr
    assert ran("-list", "-noheader", "-bail", stdin=script).stdout == "1\n"


def test_several_words_of_work(ran: Run, home: Path) -> None:
    """`-cmd`, `-init`, `-c`, `-f` and the second word run in order, and stop at the first that fails."""
    (home / "f.sql").write_text("SELECT 'file'", encoding="utf-8")
    done = ran("work.duckdb", "-cmd", ".mode list", "-noheader", "-c", "SELECT 'first'", "-f", "f.sql", "SELECT 'last'")
    assert done.stdout.splitlines() == ["first", "file", "last"]
    assert ran("-list", "-noheader", "-c", "SELECT nosuch", "-c", "SELECT 2").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-c", "SELECT ai_query('tset', 'x')"), "Error: unknown endpoint 'tset' (known: test"),
        (("-f", "nosuch.sql"), "Error: cannot read nosuch.sql: No such file or directory"),
        (("-readonly", "nosuch.duckdb", "-c", "SELECT 1"), "nosuch.duckdb"),
        (("-c", "SELECT 1", "-config", "nosuch.toml"), "cannot read the settings file nosuch.toml"),
        (("-c", "SELECT '\udcff'"), "Error: an argument is not UTF-8 text"),
        (("estimate", "SELECT '\udcff'"), "Error: an argument is not UTF-8 text"),
    ],
)
def test_what_fails_says_so_in_the_status(ran: Run, words: tuple[str, ...], said: str) -> None:
    """One line on stderr, status 1, no traceback."""
    done = ran(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dear_statement_needs_a_yes(ran: Run, home: Path, endpoint: ScriptedEndpoint) -> None:
    """Above `confirm_usd` a script stops before the first call; `-yes` agrees beforehand."""
    settings = endpoint.settings("test", input_price=1e6, output_price=1e6) | {"budget": {"confirm_usd": 0.5}}
    words = (
        "-config",
        str(write_settings(home / "dear.toml", settings)),
        "-list",
        "-c",
        "SELECT ai_query('test', 'dear')",
    )
    before = endpoint.requests
    done = ran(*words)
    assert done.returncode == 1
    assert "above confirm_usd = 0.5" in done.stderr
    assert endpoint.requests == before
    assert "echo: dear" in ran("-yes", *words).stdout


@pytest.mark.parametrize(
    ("begun", "sql"),
    [
        ("", "EXPLAIN ANALYZE SELECT ai_query('test', 'explained')"),
        ("PREPARE p AS SELECT ai_query('test', 'prepared')", "EXECUTE p"),
        ("CREATE VIEW v AS SELECT ai_query('test', 'viewed') AS said", "FROM v"),
        ("", "SELECT list_transform(['u'], lambda x: ai_query('test', x || 'nplanned'))"),
        ("", "SET VARIABLE v = ai_query('test', 'in a variable')"),
        ("", "CALL range(length(ai_query('test', 'called')))"),
        ("", "PIVOT (SELECT ai_query('test', 'pivoted') AS p, 1 AS x) ON p USING sum(x)"),
        ("CREATE TABLE u AS SELECT 1 AS a", "ALTER TABLE u ADD COLUMN b VARCHAR DEFAULT ai_query('test', 'altered')"),
    ],
)
def test_no_statement_gets_round_the_yes(
    ran: Run, home: Path, endpoint: ScriptedEndpoint, begun: str, sql: str
) -> None:
    """A call that is wrapped, prepared or cannot be priced needs a yes too; what only names it needs none."""
    settings = endpoint.settings("test", input_price=1.0, output_price=1.0) | {"budget": {"confirm_usd": 0.0}}
    words = ("-config", str(write_settings(home / "cautious.toml", settings)), "-bail")
    before = endpoint.requests
    done = ran(*words, stdin=f"{begun};\n{sql};\n")
    assert done.returncode == 1
    assert "stdin:2: Error: the statement would cost" in done.stderr
    assert endpoint.requests == before
    assert ran(*words, "-yes", stdin=f"{begun};\n{sql};\n").returncode == 0
    assert endpoint.requests > before


def test_what_is_made_of_answers_needs_a_yes(ran: Run, home: Path, endpoint: ScriptedEndpoint) -> None:
    """A price that lacks what depends on answers is never below `confirm_usd`."""
    settings = endpoint.settings("test", input_price=1.0, output_price=1.0) | {"budget": {"confirm_usd": 1000.0}}
    words = ("-config", str(write_settings(home / "rich.toml", settings)), "-list", "-c")
    before = endpoint.requests
    refused = ran(*words, "SELECT ai_query('test', ai_query('test', 'inner'))")
    assert "would cost what is not known beforehand" in refused.stderr
    assert endpoint.requests == before
    assert "echo: inner" in ran(*words, "SELECT ai_query('test', 'inner')").stdout


@pytest.mark.parametrize("work", [("-c", "FROM range(1000000)"), ("-f", "long.sql"), ("-c", ".read long.sql")])
def test_the_reader_may_leave(environ: dict[str, str], home: Path, work: tuple[str, str]) -> None:
    """`| head` is no error that anybody wants to read."""
    (home / "long.sql").write_text("FROM range(1000000);\n", encoding="utf-8")
    program = [*PROGRAM, "-list", *work]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdout=pipe, stderr=pipe, text=True, env=environ, cwd=home) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "range\n"
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_help_and_version(ran: Run) -> None:
    """Both kinds of use are in the help."""
    done = ran("--help")
    assert done.returncode == 0
    for words in ("ddb-aiquery [DATABASE", "-csv", "demo", "estimate"):
        assert words in done.stdout
    assert ran("--version").stdout.startswith("ddb-aiquery ")


def test_the_same_database_is_opened_in_another_way(ran: Run) -> None:
    """`.open -readonly` of the open file; what cannot be opened leaves the one before."""
    script = (
        ".open again.duckdb\nCREATE TABLE kept AS SELECT 1 AS a;\n.open -readonly again.duckdb\n"
        "INSERT INTO kept VALUES (2);\n.open nosuch/x.duckdb\n.mode list\nFROM kept;\n"
    )
    done = ran(stdin=script)
    assert done.stdout == "a\n1\n"
    assert "read-only" in done.stderr
    assert "nosuch/x.duckdb" in done.stderr


def test_tables_of_other_databases_are_named_in_full(ran: Run) -> None:
    """An attached database's tables are listed too."""
    script = "ATTACH ':memory:' AS other;\nCREATE TABLE other.far(a INT);\nCREATE TABLE near(a INT);\n.tables\n"
    assert ran(stdin=script).stdout == "near\nother.main.far\n"


def test_ctrl_c_ends_the_whole_script(environ: dict[str, str], home: Path) -> None:
    """A pipe goes on after an error, but not after Ctrl-C: nobody wants to pay for the rest. The status is 130."""
    with ScriptedEndpoint(lambda prompt, _: f"echo: {prompt}", latency=60.0) as slow:
        config = write_settings(home / "patient.toml", slow.settings("test"))
        (home / "dear.sql").write_text("SELECT ai_query('test', 'first');\nSELECT 'never';\n", encoding="utf-8")
        pipe = subprocess.PIPE
        program = [*PROGRAM, "-list", "-config", str(config)]
        with subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environ, cwd=home) as run:
            assert run.stdin is not None
            run.stdin.write(".read dear.sql\nSELECT ai_query('test', 'second');\n")
            run.stdin.close()
            while not slow.requests:
                time.sleep(0.01)
            run.send_signal(signal.SIGINT)
            assert run.stdout is not None
            assert run.stderr is not None
            assert run.stdout.read() == ""
            assert "dear.sql:1: Cancelled; answers that arrived are kept." in run.stderr.read()
        assert run.returncode == 130
        assert slow.requests == 1


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_text_is_utf8_whatever_the_locale(ran: Run, home: Path, locale: str) -> None:
    """As in `duckdb`: in and out; bytes that are no UTF-8 are one error with its line, and no traceback."""
    latin = {"PYTHONIOENCODING": "latin-1", "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    sql = "SELECT 'grüße 🎉' AS t;\n"
    assert ran("-list", stdin=sql, **latin).stdout == "t\ngrüße 🎉\n"
    bad = "SELECT 1;\n\nSELECT '\udcfc';\n"
    (home / "latin.sql").write_bytes(b"\xef\xbb\xbf.mode list\nSELECT 1;\nSELECT 'x\xfc';\n")
    for name, done in (("latin.sql", ran("-f", "latin.sql")), ("stdin", ran(stdin=bad))):
        assert done.returncode == 1
        assert done.stderr == f"{name}:3: Error: the statement is not UTF-8 text: save the script as UTF-8\n"


@pytest.mark.parametrize("word", ["-safe", "-columns", "-storage-version", "-font"])
def test_an_unknown_flag_is_not_taken_for_sql(ran: Run, word: str) -> None:
    """`-safe` is no `-s afe`; a flag that is known may begin so."""
    done = ran(word, "-csv", "-c", "SELECT 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"unrecognized arguments: {word}" in done.stderr


def test_flags_that_scripts_pass_to_duckdb(ran: Run) -> None:
    """`-batch`, `-no-init` and `-echo` mean what they mean there."""
    assert ran("-batch", "-no-init", "-echo", "-list", "-c", "SELECT 1 AS a").stdout == "SELECT 1 AS a;\na\n1\n"


def test_databricks_sql_is_pointed_to_translate(ran: Run) -> None:
    """A statement that DuckDB cannot read says what rewrites it, with a call in it or without."""
    for sql in ("SELECT ARRAY('a', 'b')", "SELECT parse_json(ai_query('test', 'x'))"):
        done = ran("-c", sql)
        assert done.returncode == 1
        assert done.stderr.count("`ddb-aiquery translate`") == 1
    assert "translate" not in ran("-c", "SELECT FROM FROM").stderr


def test_translate_reads_text_files_and_input(ran: Run, home: Path) -> None:
    """A file's statements are translated, not its name; a file that is not there is an error."""
    sql = "SELECT ARRAY('a', 'b') AS l;\nSELECT parse_json('1') AS j;\n"
    (home / "two words.txt").write_text(sql, encoding="utf-8")
    (home / "statements.sql").write_text(sql, encoding="utf-8")
    wanted = ran("translate", sql)
    assert (wanted.returncode, wanted.stdout.count("SELECT")) == (0, 2)
    assert ran("translate", "statements.sql").stdout == wanted.stdout
    assert ran("translate", "two words.txt").stdout == wanted.stdout
    assert ran("translate", "-", stdin=sql).stdout == wanted.stdout
    assert ran("translate", f"SELECT '{'x' * 5000}'").returncode == 0
    missing = ran("translate", "nosuch.sql")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == "Error: cannot read nosuch.sql: No such file or directory\n"
