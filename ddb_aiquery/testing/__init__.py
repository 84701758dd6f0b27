"""A scripted chat endpoint on 127.0.0.1 and a guard against calls to the world, for tests of any kind.

    from ddb_aiquery.testing import ScriptedEndpoint, Status

    with ScriptedEndpoint(lambda prompt, request: prompt.upper(), script=[Status(429, retry_after=0.1)]) as endpoint:
        con = ddb_aiquery.connect(config=endpoint.settings("test"))
        con.sql("SELECT ai_query('test', 'hello')")
        assert endpoint.prompts == {"hello": 1}
        assert endpoint.rejected == 1

No test framework is needed; the server has no state outside the object.
"""

from ddb_aiquery.testing._endpoint import ScriptedEndpoint
from ddb_aiquery.testing._guard import CalledOut, no_calls_out
from ddb_aiquery.testing._script import (
    Arrival,
    Collapse,
    Cut,
    FirstOf,
    Headers,
    Malformed,
    Mixture,
    RateLimited,
    Refusal,
    Reset,
    Script,
    Slow,
    Status,
    Step,
    Truncated,
)
from ddb_aiquery.testing._server import Counts, Received

__all__ = [
    "Arrival",
    "CalledOut",
    "Collapse",
    "Counts",
    "Cut",
    "FirstOf",
    "Headers",
    "Malformed",
    "Mixture",
    "RateLimited",
    "Received",
    "Refusal",
    "Reset",
    "Script",
    "ScriptedEndpoint",
    "Slow",
    "Status",
    "Step",
    "Truncated",
    "no_calls_out",
]
