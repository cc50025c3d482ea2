"""Runs one documented example, not a letter of it changed, as a user would: in a shell with curl, with Python's requests, or
with node's axios. The name in its URLs leads to the server under test, and that server's certificate is trusted."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = HERE.parent / "node_modules"
HOSTS = ["api.withleaf.io", "granary.example"]


def make_certificates(folder):
    """A test authority in ca.pem, and a certificate of its for the documented names and 127.0.0.1."""
    names = ",".join([*(f"DNS:{host}" for host in HOSTS), "IP:127.0.0.1"])
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    authority = ["-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority"]
    run_openssl(folder, "req", "-x509", *key, *authority)
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-subj", "/CN=Granary", "-addext", f"subjectAltName={names}"]
    constraint = ["-addext", "basicConstraints=critical,CA:FALSE"]
    run_openssl(folder, "req", "-x509", *key, *signed, *constraint, "-keyout", "server.key", "-out", "server.pem")


def run_openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def run(language, text, *, folder, port, ca, host, variables=None):
    """Returns the finished process. `folder` is an empty place for the example's home."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "EXAMPLE_HOST": host,
        "EXAMPLE_PORT": str(port),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "REQUESTS_CA_BUNDLE": str(ca),
        "NODE_PATH": str(MODULES),
        "NODE_EXTRA_CA_CERTS": str(ca),
        **(variables or {}),
    }
    (folder / ".curlrc").write_text(f"silent\nshow-error\nconnect-to = {host}:443:127.0.0.1:{port}\ncacert = {ca}\n")
    file = folder / "example"
    file.write_text(text)
    node = os.environ.get("NODE", "node")
    command = {
        "sh": ["sh", "-e", file],
        "python": [sys.executable, file],
        "javascript": [node, "--require", HERE / "resolve.js", file],
    }[language]
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
