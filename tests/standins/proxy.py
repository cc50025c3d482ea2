"""An HTTP proxy (RFC 9110, CONNECT) that answers as it is told. Behind its tunnels it plays every host itself: it ends the TLS, and
passes what comes out of it on to one stand-in."""

import socket
import threading

PASS, CLOSE, HANG, GARBAGE = "pass", "close", "hang", "garbage"
CUT_TUNNEL = "cut tunnel"  # CONNECT is accepted, and the connection ends before a byte of the request went through
CUT_REQUEST = "cut request"  # the request went through to the provider, and the connection ends before its answer


class Proxy:
    """`mode` is one of the words above, or the status with which CONNECT is refused."""

    def __init__(self, context, port):
        self.context = context
        self.port = port  # of the stand-in
        self.mode = PASS
        self.asked = []  # what it was asked for, a line each
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def stop(self):
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client:
                self.answer(client)
        except OSError:
            pass

    def answer(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return
            head += byte
        self.asked.append(head.split(b"\r\n")[0].decode())
        if self.mode == CLOSE:
            return
        if self.mode == HANG:
            self.stopping.wait(20)
        elif self.mode == GARBAGE:
            client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        elif self.mode not in (PASS, CUT_TUNNEL, CUT_REQUEST):
            client.sendall(f"HTTP/1.1 {self.mode} No\r\nContent-Length: 2\r\nRetry-After: 3600\r\nConnection: close\r\n\r\nno".encode())
        else:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if self.mode != CUT_TUNNEL:
                self.tunnel(client, answers=self.mode == PASS)

    def tunnel(self, client, answers):
        with self.context.wrap_socket(client, server_side=True) as inside, socket.create_connection(("127.0.0.1", self.port)) as provider:
            if not answers:
                threading.Thread(target=pump, args=(inside, provider), daemon=True).start()
                provider.recv(1)  # the provider has acted on the request
                inside.shutdown(socket.SHUT_RDWR)
                return
            back = threading.Thread(target=pump, args=(provider, inside), daemon=True)
            back.start()
            pump(inside, provider)
            back.join(20)


def pump(source, target):
    """Until one side ends."""
    try:
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
