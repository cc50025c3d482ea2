"""What every error answer of the API looks like, held against one answer. Used wherever a test expects an error."""

import json
from urllib.parse import urlsplit

KEYS = ["type", "title", "status", "detail", "path", "message", "errorKey"]
FIELD_KEYS = ["objectName", "field", "message"]
HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After"}
WITH_REASON = ["credentialsRefused", "providerUnavailable"]


def assert_problem(answer, status, error_key, fields=None, reason=None):
    """`answer` is one of requests. `fields` are the (objectName, field) pairs that must be named, no more and no fewer; with
    `...` any fields may be named, but at least one must be. `reason` is what a PUT must name as the cause, in the words of the
    status body; several of them where any will do."""
    assert answer.status_code == status, f"{answer.status_code}, not {status}: {answer.text[:500]}"
    assert answer.headers["Content-Type"].partition(";")[0] == "application/problem+json"
    path = urlsplit(answer.request.url).path
    assert_body(answer.content, status, error_key, path, fields, reason)
    if status in HEADERS:
        assert answer.headers.get(HEADERS[status])
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def assert_body(content, status, error_key, path, fields=None, reason=None):
    body = json.loads(content)
    more = (["reason"] if error_key in WITH_REASON else []) + (["fieldErrors"] if fields is not None else [])
    assert list(body) == KEYS + more, body
    if error_key in WITH_REASON:
        assert body["reason"] in ([reason] if isinstance(reason, str) else reason or [body["reason"]]), body
        assert isinstance(body["reason"], str) and body["reason"]
    assert (body["status"], body["path"], body["errorKey"]) == (status, path, error_key), body
    for name in ("type", "title", "detail", "message"):
        assert isinstance(body[name], str) and body[name], name
    if fields is None:
        return
    assert body["fieldErrors"]
    for error in body["fieldErrors"]:
        assert list(error) == FIELD_KEYS and error["message"]
    named = [(error["objectName"], error["field"]) for error in body["fieldErrors"]]
    assert fields is ... or sorted(named) == sorted(fields), f"named are {named}, not {fields}"
