"""Holds every answer that the tests see against docs/openapi.json: the status is documented for that path and method, and
the body has the documented media type and schema. While the description does not exist, nothing is checked."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema

DESCRIPTION = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
NOT_IN_DESCRIPTION = {400, 404, 405, 413}


class Description:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)
        paths = sorted(document["paths"].items(), key=lambda item: item[0].count("{"))
        self.routes = [(pattern_of(template), self.resolve(item)) for template, item in paths]

    def resolve(self, value):
        while isinstance(value, dict) and "$ref" in value:
            value = self.resolver.resolve(value["$ref"])[1]
        return value

    def check(self, method, url, status, headers, body):
        """Raises AssertionError with the sentence that says what the description does not allow."""
        where = f"{method} {urlsplit(url).path} -> {status}"
        operation = self.operation(method, urlsplit(url).path)
        if operation is None:
            assert status in NOT_IN_DESCRIPTION or method == "OPTIONS", f"{where}: path and method are not described"
            return
        responses = operation["responses"]
        response = self.resolve(responses.get(str(status)) or responses.get(f"{status // 100}XX"))
        assert response is not None, f"{where}: the status is not described"
        self.check_headers(where, response, headers)
        if method != "HEAD":
            self.check_body(where, response.get("content"), headers, body)

    def operation(self, method, path):
        path = path.rstrip("/") or "/"
        item = next((item for pattern, item in self.routes if pattern.fullmatch(path)), None)
        if item is None:
            return None
        return item.get(method.lower()) or (item.get("get") if method == "HEAD" else None)

    def check_headers(self, where, response, headers):
        for name, header in (response.get("headers") or {}).items():
            if self.resolve(header).get("required"):
                assert name in headers, f"{where}: header {name} is missing"

    def check_body(self, where, content, headers, body):
        if not content:
            assert not body, f"{where}: a body where none is described: {body[:200]!r}"
            return
        media = headers.get("Content-Type", "").partition(";")[0].strip()
        assert media in content, f"{where}: media type {media!r}, described are {sorted(content)}"
        if media.endswith("json") and "schema" in content[media]:
            self.check_schema(where, content[media]["schema"], body)

    def check_schema(self, where, schema, body):
        validator = jsonschema.Draft202012Validator(
            schema, resolver=self.resolver, format_checker=jsonschema.FormatChecker()
        )
        error = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(body)))
        if error is not None:
            place = "/".join(str(part) for part in error.absolute_path)
            raise AssertionError(f"{where}: at '{place}': {error.message[:300]}")


def pattern_of(template):
    parts = re.split(r"\{[^}]+\}", template.rstrip("/") or "/")
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


@cache
def description():
    """The description, or None while docs/openapi.json does not exist."""
    if not DESCRIPTION.exists():
        return None
    return Description(json.loads(DESCRIPTION.read_text()))


def check_response(method, response):
    """The hook for every answer seen: `response` is one of python3-requests."""
    known = description()
    if known is not None:
        known.check(method, response.url, response.status_code, response.headers, response.content)
