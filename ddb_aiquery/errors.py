"""Every error that the package raises, in one tree.

AiQueryError
├── SettingsError              a setting is missing, unknown or of the wrong type
│   ├── UnknownEndpoint        SQL names an endpoint that the settings do not have
│   └── MissingKey             the endpoint's credential is not set
├── CallError                  a call in the SQL text is written wrongly
├── EndpointError              the endpoint cannot be used at all: 401, 403, 404, no money, unreachable
├── RowError                   one question could not be answered
│   ├── Truncated              the answer was cut off (finish_reason = length)
│   ├── Refused                the model or a content filter declined
│   └── CastError              the answer does not fit the declared type
├── BudgetExceeded             the next call would pass a limit
├── Cancelled                  Ctrl-C, interrupt() or a deadline
└── CacheError                 the cache cannot be read or written

Each message is one line: what failed, where, and the remedy. No message holds a credential.
"""

from __future__ import annotations

__all__ = [
    "AiQueryError",
    "BudgetExceeded",
    "CacheError",
    "CallError",
    "Cancelled",
    "CastError",
    "EndpointError",
    "MissingKey",
    "Refused",
    "RowError",
    "SettingsError",
    "Truncated",
    "UnknownEndpoint",
]


class AiQueryError(Exception):
    """Anything that ddb_aiquery says went wrong."""


class SettingsError(AiQueryError):
    """A setting is missing, unknown or of the wrong type; the message names the key, the file and the line."""


class UnknownEndpoint(SettingsError):
    """The SQL names an endpoint that the settings do not have; the message lists the known ones, nearest first."""


class MissingKey(SettingsError):
    """The endpoint needs a credential; the message names the environment variable to set."""


class CallError(AiQueryError):
    """A call is written wrongly: an argument has a value or a type that ai_query does not take."""


class EndpointError(AiQueryError):
    """The endpoint cannot be used at all: wrong credential, no such model, no money left, unreachable."""


class RowError(AiQueryError):
    """One question could not be answered; the message shows its prompt, shortened."""


class Truncated(RowError):
    """The answer was cut off by max_tokens; it is recorded, and not served."""


class Refused(RowError):
    """The model or a content filter declined to answer."""


class CastError(RowError):
    """The answer does not fit the declared type (Databricks: AI_FUNCTION_HTTP_PARSE_CAST_ERROR)."""


class BudgetExceeded(AiQueryError):
    """The next call would pass a limit of the budget; the answers so far are kept."""


class Cancelled(AiQueryError):
    """The query was ended by Ctrl-C, interrupt() or a deadline; the answers so far are kept."""


class CacheError(AiQueryError):
    """The cache cannot be read or written."""
