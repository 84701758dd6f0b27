"""Draws how many questions a query asks, as bars: `python tests/bench/bench_planner.py --picture FILE.svg`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

ROW, BAR, LEFT, WIDTH, TOP = 30, 9, 330, 380, 64
COLOURS = {"DuckDB alone": "#c9ccd1", "planned": "#2f6fde", "needed": "#1b2430"}


@dataclass(frozen=True, slots=True)
class Bars:
    """One query: how many questions any evaluation needs, the planner asks, and DuckDB asks without it."""

    name: str
    needed: int
    planned: int
    alone: int


def drawn(title: str, rows: Sequence[Bars]) -> str:
    """Return an SVG picture: every query's bars on a scale of its own, since one may ask a thousand times another's."""
    height = TOP + ROW * len(rows) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 70} {height}">',
        "<style>text { font: 12px system-ui, sans-serif }</style>",
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" style="font-size: 14px; font-weight: 600" fill="#1b2430">{escape(title)}</text>',
    ]
    for at, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + 120 * at
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="44" fill="#1b2430">{name}</text>')
    for at, row in enumerate(rows):
        y = TOP + ROW * at
        parts.append(f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end" fill="#1b2430">{escape(row.name)}</text>')
        counts = (("DuckDB alone", row.alone), ("planned", row.planned))
        for place, (name, count) in enumerate(counts):
            length = max(1.0, WIDTH * count / row.alone)
            top = y + 3 + BAR * place
            parts.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR - 1}" fill="{COLOURS[name]}"/>')
            parts.append(
                f'<text x="{LEFT + length + 5:.1f}" y="{top + 8}" style="font-size: 9px" fill="#5b6470">{count}</text>'
            )
        mark = LEFT + WIDTH * row.needed / row.alone
        parts.append(f'<rect x="{mark:.1f}" y="{y + 1}" width="2" height="{2 * BAR + 3}" fill="{COLOURS["needed"]}"/>')
    return "\n".join([*parts, "</svg>", ""])
