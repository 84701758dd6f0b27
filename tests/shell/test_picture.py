"""The README's picture of the shell."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from picture_shell import main

pytestmark = pytest.mark.xdist_group("shell")


def test_the_picture_is_drawn_from_the_shell_at_work(tmp_path: Path) -> None:
    """It is well-formed, and shows an estimate, a first run, a second one for nothing, and a bar."""
    main(str(tmp_path / "shell.svg"))
    shown = "".join(ET.parse(tmp_path / "shell.svg").getroot().itertext())  # noqa: S314 (our own file)
    for figure in ("195 to send", "0 cached, 195 sent", "195 cached, 0 sent", "/2838"):
        assert figure in shown
