"""The room that knows providers and HTTP: a Question becomes an Envelope, an Envelope sent becomes its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from ddb_aiquery._redact import REDACTOR
from ddb_aiquery._settings import ENVIRONMENT
from ddb_aiquery._transport.address import Address, address_of
from ddb_aiquery._transport.anthropic import Anthropic
from ddb_aiquery._transport.azure import Azure
from ddb_aiquery._transport.databricks import Databricks, labelled
from ddb_aiquery._transport.dialect import Dialect
from ddb_aiquery._transport.lessons import heeded, lesson_of
from ddb_aiquery._transport.letterhead import Letterhead
from ddb_aiquery._transport.openai import OpenAI
from ddb_aiquery._transport.wire import Timeouts, Way, Wire, open_wire
from ddb_aiquery._values import (
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

__all__ = ["DIALECTS", "Dialect", "Timeouts", "Transport", "Way", "Wire", "dialect_of", "open_wire"]

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {dialect.name: dialect for dialect in (OpenAI(), Anthropic(), Azure(), Databricks())}
)
"""The dialect of each provider that has its own; all others are compatible with OpenAI."""

_LABELS = MappingProxyType({"databricks": labelled})
"""Providers whose requests may say which Run they belong to."""
_LABEL_REFUSED = "usage_context"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_KINDS = {
    (Billing.NOT_SENT, False): Kind.NOT_SENT,
    (Billing.NOT_SENT, True): Kind.ENDPOINT,  # no question gets through
    (Billing.AMBIGUOUS, False): Kind.AMBIGUOUS,
    (Billing.AMBIGUOUS, True): Kind.ROW,  # this question's reply is no use, another's may be
}
_KEPT = 256
_BYTES_PER_TOKEN = 4


def dialect_of(endpoint: Endpoint) -> Dialect:
    """Return how this endpoint's provider is spoken to."""
    return DIALECTS.get(endpoint.provider) or DIALECTS["openai"]


class Transport:
    """Seals Questions, from any thread, and sends Envelopes, from one event loop.

    `environ` is looked at for `DDB_AIQUERY_ALLOW` alone: whatever it says but `any`, only this machine is called.
    """

    def __init__(self, *, environ: Mapping[str, str] = ENVIRONMENT) -> None:
        self._environ = environ
        self._addresses: dict[int, Address] = {}
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
            address = self._addresses.get(id(endpoint)) or self._find(endpoint)
            wire = self._wires.get(address.wire) or self._open(address.wire)
        except (SettingsError, OSError, ValueError) as error:
            return Failure(Kind.ENDPOINT, f"nothing was sent: {error}"), _NO_HEADERS
        refusal = address.refusal(self._environ)
        if refusal:
            return Failure(Kind.ENDPOINT, refusal), _NO_HEADERS
        change = ""
        if lessons:
            body, change = heeded(envelope.body, lessons)
            envelope = replace(envelope, body=body)
        outcome, headers = await self._deliver(address, wire, envelope, run)
        if lessons is not None and isinstance(outcome, Failure) and outcome.lesson is not None:
            lessons.setdefault(*outcome.lesson)
        return _noted(outcome, change), headers

    async def _deliver(
        self, address: Address, wire: Wire, envelope: Envelope, run: str
    ) -> tuple[Outcome, Mapping[str, str]]:
        """Exchange with the Run's label where the provider takes one; without it where this endpoint does not."""
        endpoint = address.endpoint
        label = _LABELS.get(endpoint.provider) if run and address.base_url not in self._unlabelled else None
        if label is None:
            return await self._exchange(address, wire, envelope)
        outcome, headers = await self._exchange(
            address, wire, replace(envelope, body=label(endpoint, envelope.body, run))
        )
        if isinstance(outcome, Failure) and outcome.kind is Kind.ROW and _LABEL_REFUSED in outcome.message:
            self._unlabelled.add(address.base_url)
            return await self._exchange(address, wire, envelope)
        return outcome, headers

    async def _exchange(self, address: Address, wire: Wire, envelope: Envelope) -> tuple[Outcome, Mapping[str, str]]:
        reply = await _posted(address, wire, envelope)
        if isinstance(reply, Failure):
            return reply, _NO_HEADERS
        if isinstance(reply, Fault):
            return Failure(_KINDS[reply.billing, reply.final], f"{address.host}: {reply.message}"), _NO_HEADERS
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
                outcome = replace(outcome, message=REDACTOR.secrets_out(outcome.message), lesson=lesson)
        return _settled(envelope, outcome)

    def _find(self, endpoint: Endpoint) -> Address:
        if len(self._addresses) >= _KEPT:
            self._addresses.clear()
        address = self._addresses[id(endpoint)] = address_of(dialect_of(endpoint), endpoint)
        return address

    def _open(self, wire: tuple[str, Way]) -> Wire:
        opened = self._wires[wire] = open_wire(*wire)
        return opened

    async def close(self) -> None:
        """Close every connection; the next `send` opens new ones."""
        wires, self._wires = self._wires, {}
        for wire in wires.values():
            await wire.close()


async def _posted(address: Address, wire: Wire, envelope: Envelope) -> Reply | Fault | Failure:
    """Send an Envelope with the endpoint's credential; once more where a fetched token was refused before its end."""
    url, credential = address.url(envelope.path), address.credential
    if credential is None:
        return await wire.send(url, address.headers, envelope.body, address.timeouts)
    for last in (False, True):
        token = await credential.headers()
        if isinstance(token, Failure):
            return token
        reply = await wire.send(url, {**address.headers, **token}, envelope.body, address.timeouts)
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
    return replace(outcome, usage=Usage(len(envelope.body) // _BYTES_PER_TOKEN, usage.output_tokens, estimated=True))
