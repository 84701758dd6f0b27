"""The prompt: editing over several lines, history, completion and colours, by prompt_toolkit."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, get_app
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import create_output
from prompt_toolkit.styles import Style
from pygments.lexers.sql import SqlLexer  # type: ignore[import-untyped]

from ddb_aiquery import __version__
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._shell.completion import SqlCompleter, Vocabulary
from ddb_aiquery._shell.leaving import CANCELLED, Quit
from ddb_aiquery._shell.splitting import pieces

if TYPE_CHECKING:
    from ddb_aiquery._shell.shell import Shell

WELCOME = f"ddb-aiquery {__version__}; .help lists the commands, a statement ends with a semicolon"
COLOURS = Style.from_dict(
    {
        "pygments.keyword": "ansigreen",
        "pygments.literal.string": "ansiyellow",
        "pygments.literal.number": "ansicyan",
        "pygments.comment": "ansibrightblack",
    }
)
"""Colours by the names that a terminal gives its own shades, so that they can be read on light and on dark."""
_OPENS_IN = 5.0
"""Seconds that Tab waits for a shell that is being opened."""
_SECRET = re.compile(r"\bsecret\b|\bpassword\b|\btoken\s*'", re.IGNORECASE)


class PrivateHistory(FileHistory):
    """A history file that only its owner can read, and that never keeps a line with a credential in it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
        path.chmod(0o600)
        super().__init__(str(path))

    def append_string(self, string: str) -> None:
        """Remember an entry; one with a credential not even until the shell ends."""
        if not _SECRET.search(string) and REDACTOR.secrets_out(string) == string:
            super().append_string(string)


def history_file() -> Path:
    """Return where the history is kept: in the state directory, beside the answers."""
    return Path(platformdirs.user_state_dir("ddb_aiquery", appauthor=False)) / "shell_history"


def interact(open_shell: Callable[[], Shell], database: str) -> int:
    """Read and run pieces until the user leaves; the exit status is 0, or what `.exit` was given.

    The prompt is there at once; the shell is opened behind it, while the user begins to type.

    Raises:
        AiQueryError: the database or the settings cannot be opened.
    """
    opening = _Opening(open_shell)
    session = _session(opening)
    print(WELCOME, file=sys.stderr)  # noqa: T201 (a shell prints)
    try:
        while True:
            text = _read(session, database, opening)
            if text is None:
                return 0
            shell = opening.shell()
            shell.confirm = _confirm
            _obey(shell, text)
            database = shell.database
            opening.vocabulary.forget()
    except Quit as leaving:
        return leaving.status
    finally:
        opening.close()


def _obey(shell: Shell, text: str) -> None:
    """Run what was entered together, to its end or its first error."""
    try:
        all(shell.run(piece) for piece in pieces(text)[0])
    except KeyboardInterrupt:  # between two statements, or while the first Ctrl-C was being told
        shell.say(CANCELLED)


def _read(session: PromptSession[str], database: str, opening: _Opening) -> str | None:
    """Return what the user entered, None when the user left."""
    name = Path(database).stem.strip(":")
    while True:
        try:
            return session.prompt(f"{name} D ", pre_run=opening.begin)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return None


class _Opening:
    """The shell on its way: opened in a thread after the first prompt is drawn."""

    def __init__(self, open_shell: Callable[[], Shell]) -> None:
        self._open = open_shell
        self._future: Future[Shell] = Future()
        self._thread: threading.Thread | None = None
        self.vocabulary = Vocabulary(self._connection)

    def begin(self) -> None:
        """Let the work begin as soon as the prompt has been drawn; a failure ends the prompt."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._work, args=(get_app(),), daemon=True)
        start = self._thread.start
        app = get_app()

        def drawn(_: Application[str]) -> None:
            app.after_render -= drawn
            start()

        app.after_render += drawn

    def shell(self) -> Shell:
        """Return the shell as soon as it is open."""
        return self._future.result()

    def close(self) -> None:
        """Close the shell that was opened, if one was."""
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()
        if self._future.done() and self._future.exception() is None:
            self._future.result().close()

    def _work(self, app: Application[str]) -> None:
        try:
            self._future.set_result(self._open())
        except BaseException as error:  # noqa: BLE001 (it is raised where the user sees it)
            self._future.set_exception(error)
            if app.loop is not None:
                app.loop.call_soon_threadsafe(self._leave, app, error)

    @staticmethod
    def _leave(app: Application[str], error: BaseException) -> None:
        if app.is_running:
            app.exit(exception=error)

    def _connection(self) -> Any:
        """Return the connection, for Tab: waited for, since a first word without completions would be a riddle."""
        try:
            return self._future.result(timeout=_OPENS_IN).con
        except BaseException:  # noqa: BLE001 (whatever it is, the user sees it where the shell is opened)
            return None


def _session(opening: _Opening) -> PromptSession[str]:
    return PromptSession(
        multiline=True,
        prompt_continuation=lambda width, *_: "· ".rjust(width),
        history=PrivateHistory(history_file()),
        lexer=PygmentsLexer(SqlLexer),
        style=COLOURS,
        include_default_pygments_style=False,
        completer=SqlCompleter(opening.vocabulary),
        complete_while_typing=False,
        key_bindings=_keys(),
        output=create_output(always_prefer_tty=True),  # stdout may be a file
    )


def _keys() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        """End the entry where its last statement ends, else begin a line."""
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None
        elif is_whole(buffer.document):
            buffer.validate_and_handle()
        else:
            buffer.newline()

    return bindings


def is_whole(document: Document) -> bool:
    """Return whether Enter ends the entry: the cursor is at its end, and nothing waits for a semicolon."""
    return not document.text_after_cursor.strip() and not pieces(document.text)[1]


def _confirm(question: str) -> bool:
    """Ask on the terminal; anything but yes is no."""
    try:
        answer = PromptSession[str](output=create_output(always_prefer_tty=True)).prompt(f"{question} [y/N] ")
    except (EOFError, KeyboardInterrupt):
        return False
    return answer.strip().lower() in {"y", "yes"}
