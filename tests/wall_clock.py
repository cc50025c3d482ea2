"""A server whose wall clock the test sets, as a person or a time server would (native/wall_clock.c, compiled when it is needed)."""

import shutil
import struct
import subprocess

import pytest
from harness import ROOT

HOUR = 3600


class WallClock:
    """`set` says how many seconds the clock of the server that has it is off, while it runs or between two runs."""

    def __init__(self, folder):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            pytest.skip("no C compiler: the server's clock cannot be set")
        self.library = folder / "wall_clock.so"
        source = ROOT / "tests" / "native" / "wall_clock.c"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self.library, source, "-ldl"], check=True, timeout=60)
        self.file = folder / "clock"
        self.set(0)

    def set(self, seconds):
        """In place: the server has the file in its memory."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "GRANARY_CLOCK": str(self.file)}

    def give_to(self, server):
        """From its next start on."""
        server.stop()
        server.environment = self.environment()
        return server.start()
