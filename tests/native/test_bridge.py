"""The C file: facts that it rests on, errors, several chunks at once, and memory under the sanitizers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ddb_aiquery._shell.native.bridge import Bridge
from ddb_aiquery._shell.native.build import FLAGS, SOURCE, Recipe, compiler, footer

LOAD = """
import sys, duckdb
con = duckdb.connect(config={"allow_unsigned_extensions": "true"})
con.execute("LOAD '" + sys.argv[1] + "'")
"""


def test_the_slots_are_duckdbs_own(tmp_path):
    """Each function of the C API that the bridge calls stands at the slot that the bridge takes it from."""
    cc = compiler()
    if cc is None:
        pytest.skip("no C compiler")
    library, extension = tmp_path / "slots.so", tmp_path / "slots.duckdb_extension"
    source = Path(__file__).with_name("slots.c")
    subprocess.run([cc, *FLAGS, "-o", str(library), str(source), "-ldl"], check=True)
    platform = subprocess.check_output(
        [sys.executable, "-c", "import duckdb; print(*duckdb.execute('PRAGMA platform').fetchone())"], text=True
    )
    extension.write_bytes(library.read_bytes() + footer(platform.strip()))
    printed = subprocess.check_output([sys.executable, "-c", LOAD, str(extension)], text=True)
    slots = dict(re.findall(r"(duckdb_\w+) (\d+)", printed))
    taken = re.findall(r"#define (duckdb_\w+) CALL\(.*?, (\d+)", SOURCE.read_text())
    assert len(taken) > 30
    assert taken == [(name, slots[name]) for name, _ in taken]


def test_the_c_file_stays_small_and_compiles_without_a_warning(tmp_path):
    """A bug here takes the user's shell down: under 400 lines, and nothing that a strict compiler would question."""
    cc = compiler()
    if cc is None:
        pytest.skip("no C compiler")
    assert len(SOURCE.read_text().splitlines()) < 400
    strict = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")
    subprocess.run([cc, *FLAGS, *strict, '-DCOMMAND="x"', "-o", str(tmp_path / "b.so"), str(SOURCE)], check=True)


def test_an_error_is_one_line_and_the_shell_goes_on(echo, run):
    """What the child raises is the SQL error's text, whatever it was; the next statement works."""
    done = run(
        echo, "-csv", script="SELECT __ai_query('fail');\nSELECT __ai_query('crash');\nSELECT __ai_query('on');\n"
    )
    assert "on" in done.stdout
    assert re.findall(r"Error: (.*)", done.stderr) == [
        "ai_query: this went wrong",
        "ai_query: KeyError: 'no such thing'",
    ]


def test_a_child_that_dies_is_replaced(echo, run):
    """The call that the child died of fails, with the remedy; the next call has a new child."""
    done = run(echo, "-csv", script="SELECT __ai_query('die');\nSELECT __ai_query('again');\n")
    assert "'again'" in done.stdout
    assert set(re.findall(r"Error: (.*)", done.stderr)) == {
        "ai_query: the engine's process ended; the next query starts a new one"
    }


def test_a_child_that_cannot_start_is_an_error(program, run):
    """Where the interpreter has gone, each call says what to do."""
    gone = Bridge(program, Recipe(program.platform, ("/no/such/python",)))
    done = run(gone, "-c", "SELECT __ai_query('x')")
    assert done.returncode == 1
    assert "cannot start the engine's process: run ddb-aiquery native install" in done.stderr


def test_several_chunks_are_under_way_at_once(wheel):
    """DuckDB's threads do not queue: a chunk comes to the child while another is still unanswered."""
    wheel.execute("SET threads = 4")
    wheel.execute("CREATE OR REPLACE TABLE waits AS SELECT 'wait ' || 1 AS t FROM range(500000) r(i)")
    sql = "SELECT min(__ai_query('e', t)::INT) FROM waits WHERE rowid % 122880 = 0"
    assert wheel.execute(sql).fetchall()[0][0] > 1


def sanitizer(name: str) -> str:
    """Return the path of one of the compiler's runtime libraries, empty where it has none."""
    path = subprocess.check_output([compiler() or "cc", f"-print-file-name={name}"], text=True).strip()
    return path if Path(path).is_file() else ""


def test_memory_is_clean_under_the_sanitizers(program, run):
    """Every type, NULLs, errors, a dead child and megabytes, with AddressSanitizer and UBSan in the real shell."""
    runtime = sanitizer("libasan.so")
    if not runtime:
        pytest.skip("the compiler has no AddressSanitizer")
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g", "-O1")
    child = (sys.executable, str(Path(__file__).with_name("echo_child.py")))
    bridge = Bridge(program, Recipe(program.platform, ("/usr/bin/env", "-u", "LD_PRELOAD", *child), flags))
    script = """
        SELECT count(__ai_query('e', [{'a': t, 'b': b, 'c': MAP {t: i}}])) FROM
            (SELECT 'text number ' || i AS t, CASE WHEN i % 2 = 0 THEN t::BLOB END AS b, i FROM range(5000) r(i));
        SELECT count(__ai_query('e', CASE WHEN i % 3 = 0 THEN v END)) FROM
            (SELECT i, [i::DECIMAL(9, 2), NULL] AS v FROM range(3000) r(i));
        SELECT __ai_query('e', 'b'::ENUM('a', 'b')), __ai_query('e', NULL), __ai_query('e', ''), __ai_query();
        SELECT length(__ai_query('e', 'long'));
        SELECT __ai_query('e', uuid());
        SELECT __ai_query('fail');
        SELECT __ai_query('die');
        SELECT count(__ai_query('e', t)) FROM (SELECT 'a longer text ' || i AS t FROM range(300000) r(i));
    """
    options = "detect_leaks=0:verify_asan_link_order=0:abort_on_error=1"
    done = run(bridge, "-csv", script=script, LD_PRELOAD=runtime, ASAN_OPTIONS=options)
    assert not re.search(r"Sanitizer|runtime error|bridge\.c", done.stderr), done.stderr
    assert done.stdout.splitlines()[1::2][:1] == ["5000"]
    assert done.stdout.splitlines()[-1] == "300000"


def test_the_words_of_the_child_survive_the_compiler(program, run, tmp_path):
    """A path with spaces, quotes, backslashes and letters beyond ASCII still starts the child."""
    odd = tmp_path / 'o\'dd "näme" \\ $HOME'
    odd.mkdir()
    (odd / "echo child.py").symlink_to(Path(__file__).with_name("echo_child.py"))
    bridge = Bridge(program, Recipe(program.platform, (sys.executable, str(odd / "echo child.py"))))
    assert json.loads(run(bridge, "-json", "-c", "SELECT __ai_query('here') AS a").stdout) == [{"a": "'here'"}]
