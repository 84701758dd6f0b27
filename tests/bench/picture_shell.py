"""Draws the shell as it is at work, in a real terminal: `python tests/bench/picture_shell.py FILE.svg`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "shell"))
from terminal import CTRL_C, ENTER, PROGRAM, ROOT, Terminal, write_settings

from ddb_aiquery._commands.demo import PRICES, answer
from ddb_aiquery.testing import ScriptedEndpoint

COLUMNS, ROWS = 104, 45
CELL, LINE, MARGIN = 7.83, 17, 16
PAPER, INK = "#1b2430", "#d7dce2"
COLOURS = {
    "red": "#f08a80",
    "green": "#8fd19e",
    "brown": "#e5c07b",
    "blue": "#7fb0ff",
    "magenta": "#d9a0e8",
    "cyan": "#79d3d3",
    "brightblack": "#8a94a0",
}
"""The terminal's shades, by pyte's names; brown is its yellow."""
DATA = ROOT / "examples" / "data" / "tickets.csv"
TOPICS = """SELECT ai_query('simulated', 'Classify as billing, delivery, defect, question or praise: '
|| message) AS topic, count(*) AS tickets
FROM tickets GROUP BY topic ORDER BY tickets DESC;""".replace("\n", ENTER)
LONGER = "SELECT ai_query('simulated', 'Answer no. ' || opened || message) FROM tickets;"


def scene(environ: Mapping[str, str], home: Path) -> Any:
    """Price a statement, run it, run it again, and return the screen while a longer one is under way."""
    terminal = Terminal([*PROGRAM, "-cmd", f"CREATE TABLE tickets AS FROM '{DATA}'"], environ, home, ROWS, COLUMNS)
    try:
        terminal.wait_for("memory D")
        terminal.enter(".estimate")
        terminal.type(TOPICS + ENTER)
        terminal.wait_for("[y/N]")
        terminal.type("y" + ENTER)
        terminal.wait_for("cached, 195 sent")
        terminal.enter(TOPICS)
        terminal.type(LONGER + ENTER)
        terminal.wait_for("/s 0:00:")  # a bar that knows the time left
        return [[terminal.screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
    finally:
        terminal.type(CTRL_C)
        terminal.close()


def drawn(cells: list[list[Any]]) -> str:
    """Return a screen as SVG: dark on any page, each run of one look at its own place, so that any font will do."""
    shown = [row for row, line in enumerate(cells) if any(cell.data.strip() for cell in line)]
    width, height = COLUMNS * CELL + 2 * MARGIN, (max(shown) + 1) * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}">',
        "<style>text { font: 13px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace }</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
    ]
    for row in shown:
        column = 0
        for (colour, bold), run in groupby(cells[row], key=lambda cell: (cell.fg, cell.bold)):
            text = "".join(cell.data for cell in run)
            if text.strip():
                x, y = MARGIN + column * CELL, MARGIN + (row + 0.75) * LINE
                fill = COLOURS.get(colour, f"#{colour}" if len(colour) == 6 else INK)  # rrggbb, or the default
                weight = ' font-weight="bold"' if bold else ""
                parts.append(
                    f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{weight} xml:space="preserve" '
                    f'textLength="{len(text) * CELL:.1f}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
                )
            column += len(text)
    return "\n".join([*parts, "</svg>", ""])


def main(file: str) -> None:
    with tempfile.TemporaryDirectory() as folder, ScriptedEndpoint(answer, latency=0.4) as server:
        settings = server.settings("simulated", max_concurrency=64, **PRICES)
        environ = os.environ | {"HOME": folder, "XDG_STATE_HOME": folder, "DDB_AIQUERY_CACHE": folder}
        environ |= {"PYTHONPATH": str(ROOT), "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm-256color"}
        environ |= {"DDB_AIQUERY_CONFIG": str(write_settings(Path(folder) / "config.toml", settings))}
        Path(file).write_text(drawn(scene(environ, Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
