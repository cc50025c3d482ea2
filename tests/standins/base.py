"""What every stand-in shares: the HTTP server, the log of calls, and the faults that take the place of an answer."""

import itertools
import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Call:
    """One request as it arrived. `headers` has lower-case names; `connection` numbers the TCP connection it came over."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes
    connection: int
    time: float = field(default_factory=time.time)
    account: str | None = None

    def json(self):
        return json.loads(self.body)

    def form(self):
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict = field(default_factory=dict)

    @staticmethod
    def of_json(status, value, **headers):
        return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class StandIn:
    """A provider. Subclasses say whose request it is (`account_of`), what the answer is (`answer`), and how they refuse."""

    def __init__(self):
        self.lock = threading.RLock()
        self.calls = []
        self.answered = Counter()
        self.complaints = []
        self.stopping = threading.Event()
        self._faults = []
        self._connections = itertools.count(1)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def account_of(self, call):
        raise NotImplementedError

    def answer(self, call):
        raise NotImplementedError

    def refusal(self):
        raise NotImplementedError

    def fail(self, fault, account=None, times=None, path=None):
        """Lets `fault` answer the next `times` calls (all, if None), of one account or one path where these are named."""
        with self.lock:
            self._faults.append({"fault": fault, "account": account, "left": times, "path": path})

    def heal(self, account=None):
        """Ends the faults of one account; without an account, all faults."""
        with self.lock:
            self._faults = [f for f in self._faults if account is not None and f["account"] != account]

    def calls_of(self, account, path=None):
        with self.lock:
            return [c for c in self.calls if c.account == account and path in (None, c.path)]

    def complain(self, sentence):
        """Notes a request that no client written from the provider's documents would send; the suite ends red on any."""
        with self.lock:
            self.complaints.append(f"{type(self).__name__}: {sentence}")

    def receive(self, call):
        """Logs the call and returns the fault that answers it, if any. The newest fault wins."""
        with self.lock:
            call.account = self.account_of(call)
            self.calls.append(call)
            for entry in reversed(self._faults):
                if entry["account"] in (None, call.account) and entry["path"] in (None, call.path):
                    if entry["left"] is not None:
                        entry["left"] -= 1
                        if entry["left"] == 0:
                            self._faults.remove(entry)
                    return entry["fault"]
        return None


class Exchange:
    """What a fault acts on: one call and the connection on which it waits for an answer."""

    def __init__(self, handler, stand_in, call):
        self.handler = handler
        self.stand_in = stand_in
        self.call = call

    def usual_answer(self):
        """Does what the provider would do (a token is spent, a session begun) and returns the answer without sending it."""
        with self.stand_in.lock:
            return self.stand_in.answer(self.call)

    def wait(self, seconds):
        self.stand_in.stopping.wait(seconds)

    def send(self, answer):
        self.send_raw(head_of(answer, len(answer.body)) + (b"" if self.call.method == "HEAD" else answer.body))
        with self.stand_in.lock:
            self.stand_in.answered[answer.status] += 1

    def send_raw(self, data):
        self.handler.wfile.write(data)

    def close(self):
        self.handler.close_connection = True

    def reset(self):
        """Ends the connection with RST, not FIN."""
        connection = self.handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        self.close()


def head_of(answer, length):
    lines = [f"HTTP/1.1 {answer.status} Answer", f"Content-Length: {length}"]
    if answer.status in (204, 304):
        lines.pop()
    lines += [f"{name}: {value}" for name, values in answer.headers.items() for value in _many(values)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _many(values):
    return values if isinstance(values, list) else [values]


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.number = next(self.server.stand_in._connections)

    def handle_call(self):
        stand_in = self.server.stand_in
        call = self.read_call()
        fault = stand_in.receive(call)
        exchange = Exchange(self, stand_in, call)
        if fault is None:
            exchange.send(exchange.usual_answer())
        else:
            fault(exchange)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_call

    def read_call(self):
        target = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        return Call(
            method=self.command,
            path=target.path,
            query=parse_qs(target.query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
            connection=self.number,
        )

    def log_message(self, *_):
        """The log of calls is in `calls`."""
