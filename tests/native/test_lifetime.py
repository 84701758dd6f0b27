"""Ctrl-C, the child's life and its end, in a terminal as a person uses it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from duckdb_terminal import Terminal

from ddb_aiquery.testing import ScriptedEndpoint

PLAIN = ("-csv", "-dark-mode")  # the shell asks the terminal for its colours otherwise
PROMPT = "memory D "
VARIED = "SELECT count(ai_query('test', 'slow ' || i)) FROM range(20) t(i);"
CONSTANT = "SELECT ai_query('test', 'a constant');"


@pytest.fixture
def scripted():
    """A scripted endpoint whose answers cannot be mistaken for what was typed."""
    with ScriptedEndpoint(lambda prompt, _request: prompt.upper()) as server:
        yield server


@pytest.fixture
def stuck(monkeypatch, tmp_path):
    """An endpoint that never answers, as `test`."""
    with ScriptedEndpoint(latency=3600) as server:
        entry = server.settings("test")["endpoints"]["test"]
        file = tmp_path / "stuck.toml"
        file.write_text("[endpoints.test]\n" + "\n".join(f"{key} = '{value}'" for key, value in entry.items()))
        monkeypatch.setenv("DDB_AIQUERY_CONFIG", str(file))
        yield server


def wait_for(condition, patience=30):
    """Wait until something is so."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


@pytest.mark.parametrize("sql", [VARIED, CONSTANT])
def test_ctrl_c_ends_the_query_and_not_the_shell(bridge, stuck, children, sql):
    """Ctrl-C gives the prompt back while the endpoint is still silent; the same shell and child go on."""
    with Terminal(bridge.command(PLAIN)) as terminal:
        terminal.expect(PROMPT)
        for word in ("first", "second"):
            stuck.reset_counts()
            terminal.enter(sql.replace("'test', '", f"'test', '{word} "))
            wait_for(lambda: stuck.peak > 0)
            terminal.interrupt()
            terminal.expect("^C")
            terminal.expect(PROMPT)
            time.sleep(0.2)  # the bridge refuses calls for 50 ms, since the planner repeats what failed
        terminal.enter("SELECT 'still ' || 'here';")
        terminal.expect("\nstill here")
        assert len(children()) == 1
        terminal.enter(".quit")
        terminal.wait()


def test_ctrl_c_ends_a_script(bridge, stuck, children):
    """Ctrl-C ends a shell that runs one statement, with a status that is not 0, and its child with it."""
    with subprocess.Popen(bridge.command(["-c", VARIED]), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shell:
        wait_for(children)
        wait_for(lambda: stuck.peak > 0)
        shell.send_signal(signal.SIGINT)
        assert shell.wait(20) != 0


@pytest.mark.usefixtures("config")
def test_quitting_leaves_nothing_behind(bridge, children):
    """After .quit the child ends by itself; the answers and the last statement's usage are written down."""
    with Terminal(bridge.command(PLAIN)) as terminal:
        terminal.expect(PROMPT)
        terminal.enter("SELECT ai_query('test', 'one' || ' two');")
        terminal.expect("\nONE TWO")
        assert len(children()) == 1
        terminal.enter(".quit")
        assert terminal.wait() == 0
    wait_for(lambda: not children())
    done = subprocess.run(
        bridge.command(["-csv", "-noheader", "-c", "SELECT questions, sent FROM ai_usage()"]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1,1\n"


@pytest.mark.usefixtures("config", "children")
def test_a_pipe_sees_its_end(bridge):
    """The child keeps none of the shell's descriptors: a program that the shell writes to ends with it."""
    script = ".output '|cat; echo ended'\nSELECT ai_query('test', 'x');\n.output\nSELECT 'after';\n"
    done = subprocess.run(
        bridge.command(["-csv"]), input=script, capture_output=True, text=True, timeout=60, check=True
    )
    assert "ended" in done.stdout
    assert "after" in done.stdout


@pytest.mark.usefixtures("config")
def test_a_killed_child_is_one_error(bridge, children):
    """Killing the child ends at most the query under way; the next one works."""
    with Terminal(bridge.command(PLAIN)) as terminal:
        terminal.expect(PROMPT)
        terminal.enter("SELECT ai_query('test', 'one' || ' two');")
        terminal.expect("\nONE TWO")
        (child,) = children()
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: not children())
        terminal.enter("SELECT ai_query('test', 'two' || ' three');")
        terminal.expect("\nTWO THREE")


def kill_at_random(bridge, children, chance):
    """Kill the shell, or its child, at some moment of its life with calls under way."""
    shell = subprocess.Popen(
        bridge.command(["-csv", "-c", VARIED]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(chance.uniform(0, 1.5))
    victims = children()
    if victims and chance.random() < 0.3:
        os.kill(chance.choice(victims), signal.SIGKILL)
        time.sleep(chance.uniform(0, 0.3))
    shell.kill()
    shell.wait()


def kills(bridge, children, times):
    """Kill `times` shells and wait until no child is left."""
    chance = random.Random(7)
    for _ in range(times):
        kill_at_random(bridge, children, chance)
    wait_for(lambda: not children(), 20)


@pytest.mark.usefixtures("stuck")
def test_no_child_outlives_a_killed_shell(bridge, children):
    """After `kill -9` of the shell at a random moment its child is gone, calls under way or not."""
    kills(bridge, children, 6)


@pytest.mark.long
@pytest.mark.usefixtures("stuck")
def test_no_child_outlives_fifty_killed_shells(bridge, children):
    """The same, fifty times."""
    kills(bridge, children, 50)
