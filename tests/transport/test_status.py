"""What each status means for the row, the endpoint and the bill."""

import json

import pytest

from ddb_aiquery._transport import DIALECTS
from ddb_aiquery._values import Kind, Reply

OUTCOME = DIALECTS["openai"].outcome


def failed(status, error=None, **headers):
    """Return the outcome of an error reply."""
    body = json.dumps({"error": error or {"message": "words", "code": None}}).encode()
    return OUTCOME(Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


TABLE = {
    Kind.ROW: (400, 406, 413, 418, 422, 431),
    Kind.ENDPOINT: (301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 407, 410, 501),
    Kind.REJECTED: (409, 425, 429, 503, 529),
    Kind.FAILED: (408, 500, 507, 521, 599),
    Kind.AMBIGUOUS: (502, 504, 520, 524),
    Kind.INVALID: (100, 199, 204, 206),
}


@pytest.mark.parametrize(("kind", "status"), [(kind, status) for kind, row in TABLE.items() for status in row])
def test_each_status_has_its_kind(kind, status):
    """The table above: what each says of the question, the row and the endpoint."""
    outcome = failed(status)
    assert (outcome.kind, outcome.status) == (kind, status)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "insufficient_quota", Kind.ENDPOINT),
        (429, "billing_hard_limit_reached", Kind.ENDPOINT),
        (429, "enforced_spend_limit_reached", Kind.ENDPOINT),
        (429, "rate_limit_exceeded", Kind.REJECTED),
        (400, "billing_hard_limit_reached", Kind.ENDPOINT),
        (400, "content_filter", Kind.REFUSED),
        (400, "invalid_api_key", Kind.ENDPOINT),
        (400, "context_length_exceeded", Kind.ROW),
    ],
)
def test_codes_say_more_than_the_status(status, code, kind):
    """No money is no rate limit, and a filter is no mistake of the request; type and code are both looked at."""
    assert failed(status, {"message": "x", "code": code}).kind is kind
    assert failed(status, {"message": "x", "type": code}).kind is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            [
                {
                    "error": {
                        "code": 400,
                        "message": "API key not valid. Please pass a valid one.",
                        "status": "INVALID_ARGUMENT",
                    }
                }
            ],
            "endpoint",
        ),
        (
            {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***. See"},
            "endpoint",
        ),
        ({"error": {"message": "messages: the text says 'invalid api key'"}}, "row"),
    ],
    ids=["Gemini", "xAI", "another"],
)
def test_a_wrong_key_is_no_mistake_of_the_row_where_the_status_is_400(body, kind):
    """No question gets through with it, so none is asked after it."""
    assert OUTCOME(Reply(400, {}, json.dumps(body).encode())).kind.value == kind


def test_azures_filter_is_a_refusal():
    """Azure names the policy in an inner error."""
    error = {"message": "x", "code": "BadRequest", "innererror": {"code": "ResponsibleAIPolicyViolation"}}
    assert failed(400, error).kind is Kind.REFUSED


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (500, "false", Kind.ROW),
        (502, "false", Kind.ROW),
        (400, "true", Kind.FAILED),
        (502, "true", Kind.AMBIGUOUS),
        (429, "false", Kind.REJECTED),
        (401, "true", Kind.ENDPOINT),
    ],
)
def test_x_should_retry_is_obeyed_where_it_costs_nothing(status, told, kind):
    """The endpoint may forbid or allow another try, but not lift the limit on calls that may have been billed."""
    assert failed(status, x_should_retry=told).kind is kind


@pytest.mark.parametrize(("status", "wait"), [(429, 7.0), (503, 7.0), (500, 7.0), (400, None), (401, None)])
def test_a_wait_belongs_to_what_is_tried_again(status, wait):
    """retry-after is read where there will be another call."""
    assert failed(status, retry_after="7").wait == wait


def test_the_endpoints_own_words_are_one_short_line():
    """Line breaks, escape sequences and length are taken out of a foreign text; what failed stands before it."""
    outcome = failed(400, {"message": "bad\n\x1b[31mred\u202e " + "x" * 5000})
    assert outcome.message.startswith("HTTP 400 Bad Request: bad [31mred")
    assert outcome.message.isprintable()
    assert len(outcome.message) <= 330


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"plain"}', "plain"),
        (b'{"message":"top"}', "top"),
        (b'{"detail":[{"msg":"field required"}]}', "field required"),
        (b'{"error_code":"BAD_REQUEST","message":"of Databricks"}', "of Databricks"),
        (b'[{"error":{"message":"in a list"}}]', "in a list"),
        (b"<html><h1>Bad gateway</h1>", "web page"),
        (b"upstream error", "upstream error"),
        (b'data: {"error":"x"}', "streams"),
        (b"", "HTTP 500 Internal Server Error"),
    ],
)
def test_messages_are_found_in_every_servers_form(body, words):
    """The forms in which servers put their errors."""
    assert words in OUTCOME(Reply(500, {}, body)).message


def test_a_redirect_names_the_remedy():
    """Where the endpoint has nothing to say, the message says what to check."""
    assert "base_url" in OUTCOME(Reply(307, {"location": "http://x"}, b"")).message
