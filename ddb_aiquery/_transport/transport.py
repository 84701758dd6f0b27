"""From a Question to its Envelope, and from an Envelope sent to its outcome, whichever provider and library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from ddb_aiquery._settings import ENVIRONMENT
from ddb_aiquery._transport.address import Address, address_of
from ddb_aiquery._transport.anthropic import Anthropic
from ddb_aiquery._transport.azure import Azure
from ddb_aiquery._transport.credentials import Credential
from ddb_aiquery._transport.databricks import Databricks, labelled
from ddb_aiquery._transport.dialect import Dialect
from ddb_aiquery._transport.lessons import heeded, lesson_of
from ddb_aiquery._transport.letterhead import Letterhead
from ddb_aiquery._transport.openai import OpenAI
from ddb_aiquery._transport.wire import Way, Wire, open_wire
from ddb_aiquery._values import (
    BYTES_PER_TOKEN,
    NOTHING,
    Billing,
    Endpoint,
    Envelope,
    Failure,
    Fault,
    Kind,
    Outcome,
    Question,
    Reply,
    Usage,
)
from ddb_aiquery.errors import SettingsError

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {dialect.name: dialect for dialect in (OpenAI(), Anthropic(), Azure(), Databricks())}
)
"""The dialect of each provider that has its own; all others are compatible with OpenAI."""

_LABELS = MappingProxyType({"databricks": labelled})
"""Providers whose requests may say which Run they belong to."""
_LABEL_REFUSED = "usage_context"
_KINDS = {
    (Billing.NOT_SENT, False): Kind.NOT_SENT,
    (Billing.NOT_SENT, True): Kind.ENDPOINT,  # no question gets through
    (Billing.AMBIGUOUS, False): Kind.AMBIGUOUS,
    (Billing.AMBIGUOUS, True): Kind.ROW,  # this question's reply is no use, another's may be
}
_KEPT = 256


def dialect_of(endpoint: Endpoint) -> Dialect:
    """Return how this endpoint's provider is spoken to."""
    return DIALECTS.get(endpoint.provider) or DIALECTS["openai"]


class Transport:
    """Seals Questions, from any thread, and sends Envelopes, from one event loop.

    `environ` is looked at for `DDB_AIQUERY_ALLOW` alone: whatever it says but `any`, only this machine is called.
    """

    def __init__(self, *, environ: Mapping[str, str] = ENVIRONMENT) -> None:
        self._environ = environ
        self._routes: dict[int, tuple[Address, Wire]] = {}
        """By the id of an endpoint, which its address holds, so that no other has that id meanwhile."""
        self._letterheads: dict[tuple[Any, ...], Letterhead] = {}
        self._wires: dict[tuple[str, Way], Wire] = {}
        self._unlabelled: set[str] = set()

    def seal(self, endpoint: Endpoint, question: Question) -> Envelope:
        """Return the question's wire form and its key.

        Raises:
            RowError: the question cannot be sent: lone surrogates, a file of an unknown type, no JSON.
            CallError: its parameters ask for what no row can have.
            SettingsError: calls may not go to the endpoint's base URL.
        """
        name = (id(endpoint), question.form, question.parameters, question.response_format)
        letterhead = self._letterheads.get(name)
        # The letterhead holds its endpoint, so no other endpoint can have that id while it is kept.
        if letterhead is None:
            if len(self._letterheads) >= _KEPT:
                self._letterheads.clear()
            letterhead = self._letterheads[name] = Letterhead.of(dialect_of(endpoint), endpoint, question)
        return letterhead.seal(question)

    async def send(
        self, endpoint: Endpoint, envelope: Envelope, run: str = "", lessons: dict[str, str] | None = None
    ) -> tuple[Outcome, Mapping[str, str]]:
        """Exchange an Envelope for its outcome and the reply's headers, which are empty where nothing came back.

        `run` is a Run's id for the provider's own books, where it keeps such. `lessons` are what the endpoint is known
        to refuse: the request goes without it, and what this exchange teaches is added.
        """
        try:
            address, wire = self._routes.get(id(endpoint)) or self._find(endpoint)
        except (SettingsError, ValueError) as error:
            return Failure(Kind.ENDPOINT, f"nothing was sent: {error}"), NOTHING
        refusal = address.refusal(self._environ)
        if refusal:
            return Failure(Kind.ENDPOINT, refusal), NOTHING
        change = ""
        if lessons:
            body, change = heeded(envelope.body, lessons)
            envelope = replace(envelope, body=body)
        labelled = self._labelled(address, envelope, run)
        outcome, headers = await self._exchange(address, wire, labelled)
        if labelled is not envelope and _refuses_label(outcome):
            self._unlabelled.add(address.base_url)
            outcome, headers = await self._exchange(address, wire, envelope)
        if lessons is not None and isinstance(outcome, Failure) and outcome.lesson is not None:
            lessons.setdefault(*outcome.lesson)
        return _noted(outcome, change), headers

    def _labelled(self, address: Address, envelope: Envelope, run: str) -> Envelope:
        """Return the envelope with the Run's label where the provider takes one and this endpoint did not refuse it."""
        endpoint = address.endpoint
        label = _LABELS.get(endpoint.provider) if run and address.base_url not in self._unlabelled else None
        return envelope if label is None else replace(envelope, body=label(endpoint, envelope.body, run))

    async def _exchange(self, address: Address, wire: Wire, envelope: Envelope) -> tuple[Outcome, Mapping[str, str]]:
        reply: Reply | Fault | Failure
        if address.credential is None:
            reply = await wire.send(address.url(envelope.path), address.headers, envelope.body)
        else:
            reply = await _with_token(address, address.credential, wire, envelope)
        if isinstance(reply, Failure):
            return reply, NOTHING
        if isinstance(reply, Fault):
            return Failure(_KINDS[reply.billing, reply.final], f"{address.host}: {reply.message}"), NOTHING
        return self._read(address, envelope, reply), reply.headers

    def _read(self, address: Address, envelope: Envelope, reply: Reply) -> Outcome:
        outcome = dialect_of(address.endpoint).outcome(reply)
        if isinstance(outcome, Failure):
            # An endpoint may show the key that it refuses: it goes before a message is shortened in the middle of it.
            clear = address.cleared(reply.body)
            if clear is not reply.body:
                outcome = dialect_of(address.endpoint).outcome(replace(reply, body=clear))
            if isinstance(outcome, Failure):
                lesson = lesson_of(reply, envelope.body) if outcome.kind is Kind.ROW else None
                message, request_id = map(address.clear, (outcome.message, outcome.request_id))
                outcome = replace(outcome, message=message, request_id=request_id, lesson=lesson)
        return _settled(envelope, outcome)

    def _find(self, endpoint: Endpoint) -> tuple[Address, Wire]:
        address = address_of(dialect_of(endpoint), endpoint)
        if address.wire not in self._wires:
            self._wires[address.wire] = open_wire(*address.wire)
        if len(self._routes) >= _KEPT:
            self._routes.clear()
        route = self._routes[id(endpoint)] = (address, self._wires[address.wire])
        return route

    async def close(self) -> None:
        """Close every connection; the next `send` opens new ones."""
        wires, self._wires, self._routes = self._wires, {}, {}
        for wire in wires.values():
            await wire.close()


def _refuses_label(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure) and outcome.kind is Kind.ROW and _LABEL_REFUSED in outcome.message


async def _with_token(
    address: Address, credential: Credential, wire: Wire, envelope: Envelope
) -> Reply | Fault | Failure:
    """Send an Envelope with a fetched token; once more where it was refused before its end."""
    url = address.url(envelope.path)
    for last in (False, True):
        token = await credential.headers()
        if isinstance(token, Failure):
            return token
        reply = await wire.send(url, {**address.headers, **token}, envelope.body)
        if last or isinstance(reply, Fault) or reply.status != HTTPStatus.UNAUTHORIZED:
            break
        credential.refused(token)
    return reply


def _noted(outcome: Outcome, change: str) -> Outcome:
    """Say in an answer that its request was changed on the way out."""
    if not change or isinstance(outcome, Failure):
        return outcome
    return replace(outcome, note="; ".join(part for part in (change, outcome.note) if part))


def _settled(envelope: Envelope, outcome: Outcome) -> Outcome:
    """Put in what only the request knows: the tokens that went out, where the endpoint did not count them."""
    usage = outcome.usage
    if not usage.estimated or usage.input_tokens:
        return outcome
    return replace(outcome, usage=Usage(len(envelope.body) // BYTES_PER_TOKEN, usage.output_tokens, estimated=True))
