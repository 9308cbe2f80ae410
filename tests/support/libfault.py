"""Arms tests/support/libfault.c in a running server: `with Fault(server_dir) as fault: fault.arm(...)`."""
import ctypes
import mmap
import pathlib
import subprocess
import tempfile

import kalam

WRITE, SYNC, RENAME, CREATE, UNLINK, READ, OPEN, MKDIR = 1, 2, 4, 8, 16, 32, 64, 128
HOLD = -1  # instead of an error: until disarmed
ALL, LOG, PARQUET, FILES = 0, 1, 2, 3  # FILES: all but RocksDB's


class Control(ctypes.Structure):
    _fields_ = [("mask", ctypes.c_uint32), ("error", ctypes.c_int32), ("after", ctypes.c_int64),
                ("times", ctypes.c_int64), ("partial", ctypes.c_uint32), ("filter", ctypes.c_uint32),
                ("hits", ctypes.c_int64), ("seen", ctypes.c_int64 * 8)]


def library():
    """Builds the library beside the binaries when it is missing or old."""
    source = pathlib.Path(__file__).with_name("libfault.c")
    target = kalam.BUILD / "libfault.so"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(target), str(source), "-ldl"], check=True)
    return target


class Fault:
    def __init__(self, directory):
        self.file = tempfile.NamedTemporaryFile(prefix="kalam-fault-")
        self.file.truncate(ctypes.sizeof(Control))
        self.map = mmap.mmap(self.file.fileno(), ctypes.sizeof(Control))
        self.control = Control.from_buffer(self.map)
        self.env = {"KALAM_LIBFAULT_CONTROL": self.file.name, "KALAM_LIBFAULT_DIR": str(directory)}

    def arm(self, mask, error, after=0, times=-1, partial=False, only=ALL):
        self.control.mask = 0
        self.control.error, self.control.after, self.control.times = error, after, times
        self.control.partial, self.control.filter = partial, only
        self.control.hits, self.control.seen = 0, (ctypes.c_int64 * 8)()
        self.control.mask = mask

    def disarm(self):
        self.control.mask = 0

    @property
    def hits(self):
        return self.control.hits

    def count(self, only=ALL):
        """Lets everything pass and counts it, for `seen`."""
        self.arm(255, 0, times=0, only=only)

    def seen(self, op):
        return self.control.seen[op.bit_length() - 1]
