"""Faults: what a stand-in does in place of its usual answer. Each function returns a callable that takes an Exchange."""

import json

from .base import Answer, head_of

TOO_LARGE = 1024 * 1024 + 4096


def answer(status, body=b"", **headers):
    """A fixed answer. A dict or list is sent as JSON; header names are written with `_` for `-`."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    body = body.encode() if isinstance(body, str) else body
    return lambda exchange: exchange.send(Answer(status, body, headers))


def refuse():
    """The provider's own way to refuse a login or a token."""
    return lambda exchange: exchange.send(exchange.stand_in.refusal())


def retry_after(status, value):
    return answer(status, {"message": "slow down"}, Retry_After=value)


def html(status=200):
    return answer(status, "<html><body>Please sign in to the network</body></html>", Content_Type="text/html")


def broken_json(status=200):
    return answer(status, '{"access_token": "abc', Content_Type="application/json")


def empty(status=200):
    return answer(status)


def redirect(target, status=302):
    return answer(status, Location=target)


def too_large(status=200):
    return answer(status, b'{"filler": "' + b"x" * TOO_LARGE + b'"}', Content_Type="application/json")


def hang(seconds=60):
    """Nothing is done and nothing is answered."""

    def act(exchange):
        exchange.wait(seconds)
        exchange.close()

    return act


def delay(seconds):
    """The usual answer, but the work is done `seconds` later."""

    def act(exchange):
        exchange.wait(seconds)
        exchange.send(exchange.usual_answer())

    return act


def reset():
    return lambda exchange: exchange.reset()


def close():
    """The connection ends without one byte of an answer."""
    return lambda exchange: exchange.close()


def cut(status=200, body=b'{"access_token": "abc", '):
    """An answer that promises more bytes than come."""

    def act(exchange):
        exchange.send_raw(head_of(Answer(status, b"", {"Content-Type": "application/json"}), len(body) + 500) + body)
        exchange.close()

    return act


def drip(pause=0.3, status=200):
    """An answer that comes one byte at a time, for a minute and more."""

    def act(exchange):
        exchange.send_raw(head_of(Answer(status, b"", {"Content-Type": "application/json"}), 1000))
        for _ in range(200):
            if exchange.stand_in.stopping.is_set():
                break
            exchange.send_raw(b" ")
            exchange.wait(pause)
        exchange.close()

    return act


def after_work(fault):
    """The provider does its work (a one-use token is spent), then `fault` comes in place of the answer: it is lost."""

    def act(exchange):
        exchange.usual_answer()
        fault(exchange)

    return act


def late_answer(seconds):
    """The work is done at once, its answer is sent `seconds` later."""

    def act(exchange):
        usual = exchange.usual_answer()
        exchange.wait(seconds)
        exchange.send(usual)

    return act


def edited(change):
    """The usual answer, its JSON body changed in place by `change`."""

    def act(exchange):
        usual = exchange.usual_answer()
        value = json.loads(usual.body)
        change(value)
        exchange.send(Answer.of_json(usual.status, value))

    return act
