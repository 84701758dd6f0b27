"""The room that knows providers and HTTP: a Question becomes an Envelope, an Envelope sent becomes its outcome.

`transport` seals and sends. A provider's protocol is a `dialect`: `openai`, `anthropic`, `azure`, `databricks`, whose
replies `openai_reply` and `anthropic_reply` read, over `json_text`, `status`, `headers`. `letterhead` and `keys` seal,
`address` and the `credentials` say where and as whom, `wire` is HTTP with one file for each library. `lessons` and
`refused` are what an endpoint will not be sent, `workspace` lists what a Databricks workspace serves.
"""

from __future__ import annotations

from ddb_aiquery._transport.transport import DIALECTS, Transport
from ddb_aiquery._transport.wire import Way, open_wire

__all__ = ["DIALECTS", "Transport", "Way", "open_wire"]
