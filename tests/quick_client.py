"""A client that judges no answer, unlike the harness's: ten thousand kills ask half a million times, and a measurement must not
wait for its own client."""

import http.client
import json


class QuickClient:
    """One connection. The caller closes it after an error; the next request opens it anew."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
        self.headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}

    def __call__(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
