"""The nouns of the package: frozen records that every room may pass on and none may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, Any] = MappingProxyType({})
CONNECT_SECONDS = 5.0
"""How long a connection may take to stand, where an endpoint's settings do not say."""
BYTES_PER_TOKEN = 4
"""A usual guess for English text, where the endpoint has not counted."""


class Secret:
    """A credential that shows itself only to `reveal()`, never to repr, str, pickle or comparison by text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the plain text; call it only where a header is written."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not pickled; pass the name of its environment variable instead")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where Questions go: one named entry of the settings with everything that calling it needs.

    `base_url` has no trailing slash. Prices are USD per million tokens, None where unknown. `parameters` are
    defaults that a call's own `modelParameters` override.
    """

    name: str
    base_url: str
    model: str
    provider: str = "openai"
    task: str = "chat"
    api_key: Secret | None = None
    max_concurrency: int = 64
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    input_price: float | None = None
    output_price: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    options: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """What only one provider or one mechanism reads (timeouts, transport, profile, ...)."""
    fallbacks: tuple[Endpoint, ...] = field(default=(), compare=False)
    """Where its Questions go, in turn, when it cannot answer; no part of what the endpoint itself is."""


class Form(StrEnum):
    """How `Question.request` is to be read."""

    TEXT = "text"  # one user message
    MESSAGES = "messages"  # JSON list of {role, content}
    RECORD = "record"  # JSON value for a custom endpoint
    EMBED = "embed"  # text to embed


@dataclass(frozen=True, slots=True)
class Question:
    """One distinct thing to ask: the unit of dedupe, cache and cost.

    `parameters` and `response_format` are JSON objects as text, already checked; equal text means equal wire form.
    """

    endpoint: str
    request: str
    form: Form = Form.TEXT
    parameters: str = "{}"
    response_format: str | None = None
    files: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A Question in wire form: the path below the endpoint's base URL, the exact bytes of the body, and its key.

    `key` is 32 bytes: SHA-256 over dialect, origin, path and body. Equal keys mean the same bill.
    """

    key: bytes
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the endpoint sent: the status, the header names in lower case, and the undecoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Billing(Enum):
    """What is known about the bill of a call that brought no Reply."""

    NOT_SENT = "not sent"  # the endpoint cannot have seen the request
    AMBIGUOUS = "ambiguous"  # it was sent, the outcome is unknown


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that brought no Reply: the network's own words and what they say about the bill."""

    billing: Billing
    message: str
    final: bool = False
    """True where asking again cannot help (TLS verification, refused address)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or many Replies; `estimated` where the endpoint did not report them."""

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete Reply, read: the text that SQL sees before it becomes a declared type."""

    text: str
    usage: Usage = Usage()
    finish: str = "stop"
    model: str = ""
    reasoning: str = ""
    request_id: str = ""
    cached: bool = False
    note: str = ""
    """What a reader should know: repaired, fallback, ... Empty for a plain answer."""


class Kind(Enum):
    """What a Failure was, which decides what happens next: again, this row only, or the whole endpoint."""

    NOT_SENT = "not_sent"  # again, for as long as the row's deadline allows
    REJECTED = "rejected"  # 429, 503, 529: wait as told, again
    FAILED = "failed"  # 500 and the like: again, a few times
    AMBIGUOUS = "ambiguous"  # may have been billed: again, fewer times
    INVALID = "invalid"  # 200 but no answer: again, twice
    TRUNCATED = "truncated"  # finish_reason = length
    REFUSED = "refused"  # the model or a content filter said no
    ROW = "row"  # this request is wrong; others are not
    ENDPOINT = "endpoint"  # no request to this endpoint can succeed
    CANCELLED = "cancelled"
    BUDGET = "budget"
    CAST = "cast"  # the answer does not fit the declared type


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a Question has no Answer: a sentence that may be shown (redacted, one line) and what was paid for it."""

    kind: Kind
    message: str
    status: int | None = None
    wait: float | None = None
    """Seconds that the endpoint asked to wait."""
    usage: Usage = Usage()
    text: str = ""
    """What came back all the same: the truncated or refused text."""
    tool_calls: str = ""
    """What the model called instead of answering, as the JSON list that came: a chat client may go on from there."""
    request_id: str = ""
    lesson: tuple[str, str] | None = None
    """What the endpoint refuses to be sent, and what to do instead; the question may be asked again so."""


Outcome = Answer | Failure


@dataclass(frozen=True, slots=True)
class Record:
    """An outcome as it is written down: with the exact request, its cost in micro-dollars, and Unix time."""

    key: bytes
    endpoint: str
    request: bytes
    outcome: Outcome
    cost_micro: int
    at: float


@dataclass(frozen=True, slots=True)
class Claims:
    """Who asks what: `ours` to ask now, `answered` meanwhile, `theirs` being asked by another process."""

    ours: frozenset[bytes]
    answered: Mapping[bytes, Answer]
    theirs: frozenset[bytes]
