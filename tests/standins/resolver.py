"""A name server (RFC 1035, over UDP) that gives every name 127.0.0.1, or fails as name servers do: no such name, a failure of its
own, no answer at all."""

import secrets
import socket
import struct
import threading
from pathlib import Path

NOERROR, SERVFAIL, NXDOMAIN, SILENT = 0, 2, 3, None


def with_own_mounts():
    """What runs a command with mounts of its own. Where none is shared anyway (in a chroot, say) they need no change."""
    is_shared = " shared:" in Path("/proc/self/mountinfo").read_text()
    return ["unshare", "--mount", "--propagation", "private" if is_shared else "unchanged"]


class Resolver:
    def __init__(self):
        # Any of the loopback network, lest two runs meet: resolv.conf knows no port but 53.
        self.address = ".".join(map(str, (127, *(1 + secrets.randbelow(254) for _ in range(3)))))
        self.mode = NOERROR
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                query, client = self.socket.recvfrom(512)
            except OSError:
                return
            self.asked += 1
            if self.mode is not SILENT:
                self.socket.sendto(self.answer(query), client)

    def answer(self, query):
        end = query.index(b"\0", 12) + 5  # the name, its type and class
        question, kind = query[12:end], query[end - 4 : end - 2]
        is_found = self.mode == NOERROR and kind == b"\0\1"
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | self.mode, 1, int(is_found), 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton("127.0.0.1") if is_found else b""
        return head + question + record

    def stop(self):
        self.socket.close()

    def wrapper(self, folder):
        """What runs a command so that it asks this name server: a mount of its own. Needs root. Silence blocks a name for 10 s."""
        config = folder / "resolv.conf"
        config.write_text(f"nameserver {self.address}\noptions timeout:5 attempts:2\n")
        return [*with_own_mounts(), "sh", "-c", f'mount --bind {config} /etc/resolv.conf && exec "$@"', "sh"]
