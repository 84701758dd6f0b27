"""The prompt: editing over several lines, history, completion and colours, by prompt_toolkit."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs
from prompt_toolkit import PromptSession
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import create_output
from pygments.lexers.sql import SqlLexer  # type: ignore[import-untyped]

from ddb_aiquery import __version__
from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._shell.commands import Quit
from ddb_aiquery._shell.completion import SqlCompleter, Vocabulary
from ddb_aiquery._shell.shell import Shell
from ddb_aiquery._shell.splitting import pieces

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


def interact(shell: Shell) -> int:
    """Read and run pieces until the user leaves; the exit status is 0, or what `.exit` was given."""
    vocabulary = Vocabulary(shell.con, tuple(shell.settings.entries))
    session = _session(vocabulary)
    shell.confirm = _confirm
    shell.say(f"ddb-aiquery {__version__}; .help lists the commands, a statement ends with a semicolon")
    while True:
        vocabulary.con = shell.con
        vocabulary.forget()
        try:
            text = session.prompt(f"{Path(shell.database).stem.strip(':')} D ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        try:
            for piece in pieces(text)[0]:
                if not shell.run(piece):
                    break  # what was entered together was meant together
        except Quit as leaving:
            return leaving.status


def _session(vocabulary: Vocabulary) -> PromptSession[str]:
    return PromptSession(
        multiline=True,
        prompt_continuation=lambda width, *_: "· ".rjust(width),
        history=PrivateHistory(history_file()),
        lexer=PygmentsLexer(SqlLexer),
        completer=SqlCompleter(vocabulary),
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
