"""A token endpoint (RFC 6749) over TLS that fails in every way a provider can without refusing anybody: built for many thousand
checks. Every token is taken, always; what stands between is the weather."""

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "provider.test"
OK = json.dumps({"access_token": "a", "token_type": "bearer", "expires_in": 3600}).encode()


def _certificate(folder, file, names, issuer=None, days=2):
    """A certificate for `names`; `issuer` is (certificate, key), or it signs itself. Negative days: it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, file)])
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    alternatives = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signer, signer_key = issuer or (None, key)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None and not names, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(signer_key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{file}.pem").write_bytes(pem + secret)
    return made, key


def _context(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class Weather:
    """`mode` is one of the methods that answer; `show(name)` says which certificate clients see."""

    def __init__(self, folder):
        authority = _certificate(folder, "authority", [])
        self.ca_file = folder / "authority.pem"
        _certificate(folder, "sound", [NAME], authority)
        _certificate(folder, "expired", [NAME], authority, days=-1)
        _certificate(folder, "wrong-host", ["another.test"], authority)
        _certificate(folder, "self-signed", [NAME])
        self.contexts = {name: _context(folder / f"{name}.pem") for name in ("sound", "expired", "wrong-host", "self-signed")}
        self.context = _context(folder / "sound.pem")
        self.context.sni_callback = self.choose
        self.show("sound")
        self.mode = self.ok
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.port = 0
        self.listen()

    @property
    def url(self):
        return f"https://{NAME}:{self.port}"

    def show(self, name):
        self.shown = self.contexts[name]

    def choose(self, connection, name, context):
        connection.context = self.shown

    def listen(self):
        async def begin():
            self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=self.context, backlog=4096)
            self.port = self.server.sockets[0].getsockname()[1]

        asyncio.run_coroutine_threadsafe(begin(), self.loop).result(10)

    def close(self):
        """Connections are refused from now on."""

        async def end():
            self.server.close()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)

    def stop(self):
        self.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(length)
            await self.mode(writer)
            await writer.drain()
            writer.close()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            writer.transport.abort()

    # The weather.

    def write(self, writer, status, body, content_type="application/json", promised=None):
        # Without it, three answers of 429 in a minute hold the lane for a minute.
        more = "Retry-After: 0\r\n" if status == 429 else ""
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {promised or len(body)}\r\n{more}"
            "Connection: close\r\n\r\n".encode() + body
        )

    async def ok(self, writer):
        self.write(writer, 200, OK)

    def status(self, code, error="it rains"):
        async def answer(writer):
            self.write(writer, code, json.dumps({"error": error}).encode())

        return answer

    async def html(self, writer):
        self.write(writer, 200, b"<html><body>Down for maintenance</body></html>", "text/html")

    async def broken_json(self, writer):
        self.write(writer, 200, b'{"access_token": "a", ')

    async def cut(self, writer):
        self.write(writer, 200, OK[:20], promised=len(OK))

    async def hang(self, writer):
        await asyncio.sleep(20)

    async def drip(self, writer):
        for byte in f"HTTP/1.1 200 X\r\nContent-Length: {len(OK)}\r\n\r\n".encode() + OK:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)

    async def reset(self, writer):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
