"""What a call may need before it is made: tokens in, tokens out, money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from ddb_aiquery._engine.budget import cost_nano
from ddb_aiquery._values import BYTES_PER_TOKEN, Endpoint, Envelope, Question, Usage

TOKENS_PER_FILE = 1500
"""About what a picture of a million pixels, or a page, is counted as."""
_OUTPUT_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
DEFAULT_OUTPUT_TOKENS = 1024
"""Expected where neither the call nor the settings say `max_tokens`."""


def tokens_in(question: Question, envelope: Envelope) -> int:
    """Guess the tokens that the call puts in."""
    files = question.files
    if not files:
        return len(envelope.body) // BYTES_PER_TOKEN
    text = len(envelope.body) - sum(4 * -(-len(file) // 3) for file in files)  # base64 on the wire
    return max(0, text) // BYTES_PER_TOKEN + TOKENS_PER_FILE * len(files)


def most(endpoint: Endpoint, parameters: str, tokens: int) -> Usage:
    """Return the most that a call of so many tokens is expected to use; an embedding has no output to pay."""
    if endpoint.task == "embedding":
        return Usage(tokens, 0)
    return Usage(tokens, _own_limit(parameters) or output_limit(endpoint.parameters) or DEFAULT_OUTPUT_TOKENS)


def estimate_nano(endpoint: Endpoint, parameters: str, tokens: int) -> int:
    """Return what a call of so many tokens may be billed, in nano-dollars; 0 where no price is known."""
    if endpoint.input_price is None and endpoint.output_price is None:
        return 0
    return cost_nano(most(endpoint, parameters, tokens), endpoint)


@lru_cache(maxsize=256)
def _own_limit(parameters: str) -> int:
    return output_limit(orjson.loads(parameters))


def output_limit(parameters: Mapping[str, Any]) -> int:
    """Return the most tokens that the parameters let the endpoint answer with, 0 where they do not say."""
    for name in _OUTPUT_LIMITS:
        if isinstance(parameters.get(name), int):
            return int(parameters[name])
    return 0


def roomier(endpoint: Endpoint, question: Question) -> Question | None:
    """Return the question with the room for a truncated answer that the settings allow, if that is more."""
    room = endpoint.options.get("retry_truncated_tokens")
    own = orjson.loads(question.parameters)
    parameters = {**endpoint.parameters, **own}
    if not isinstance(room, int) or room <= output_limit(parameters):
        return None
    name = next((name for name in _OUTPUT_LIMITS if name in parameters), "max_tokens")
    return replace(question, parameters=orjson.dumps({**own, name: room}).decode())
