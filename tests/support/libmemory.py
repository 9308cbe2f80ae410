"""Arms tests/support/libmemory.c in a running server: Shortage(), then arm(...) and disarm()."""
import ctypes
import mmap
import pathlib
import subprocess
import tempfile

import kalam

ALL, PROGRAM, LIBRARIES = 0, 1, 2


class Control(ctypes.Structure):
    _fields_ = [("armed", ctypes.c_uint32), ("who", ctypes.c_uint32), ("after", ctypes.c_int64), ("times", ctypes.c_int64),
                ("hits", ctypes.c_int64), ("seen", ctypes.c_int64)]


def library():
    """Builds the library beside the binaries when it is missing or old."""
    source = pathlib.Path(__file__).with_name("libmemory.c")
    target = kalam.BUILD / "libmemory.so"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-fexceptions", "-o", str(target), str(source), "-ldl"], check=True)
    return target


class Shortage:
    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="kalam-memory-")
        self.file.truncate(ctypes.sizeof(Control))
        self.map = mmap.mmap(self.file.fileno(), ctypes.sizeof(Control))
        self.control = Control.from_buffer(self.map)
        self.env = {"KALAM_LIBMEMORY_CONTROL": self.file.name}

    def arm(self, who=ALL, after=0, times=1):
        self.control.armed = 0
        self.control.who, self.control.after, self.control.times = who, after, times
        self.control.hits = self.control.seen = 0
        self.control.armed = 1

    def disarm(self):
        self.control.armed = 0

    def count(self, who=ALL):
        """Lets everything pass and counts it, for `seen`."""
        self.arm(who, times=0)

    @property
    def hits(self):
        return self.control.hits

    @property
    def seen(self):
        return self.control.seen
