"""Python imports this file by itself at start when its folder is on PYTHONPATH. It sends connections to
EXAMPLE_HOST:443 to 127.0.0.1:EXAMPLE_PORT, so that a documented example runs with not a letter changed."""
import os
import socket

_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, port, *args, **kwargs):
    if host == os.environ.get("EXAMPLE_HOST") and int(port) == 443:
        host, port = "127.0.0.1", int(os.environ["EXAMPLE_PORT"])
    return _getaddrinfo(host, port, *args, **kwargs)


socket.getaddrinfo = getaddrinfo
