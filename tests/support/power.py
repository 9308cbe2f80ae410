"""Power loss: what a disk may hold when the power goes at any moment of a run of the server.

libpower.so notes every change that a server makes to the files below `disk`; `Loss` replays the notes up to one of them
and builds a state that a real disk could have left:

- A file holds what fsync or fdatasync made durable. Of later writes it holds nothing, everything, the first ones with the
  last torn, or any of their pages; pages between that are missing read as zeros.
- A folder holds the entries it had when it was synced. Of later ones (files made, renamed, deleted, folders) it holds
  nothing, everything, the first ones, or any of them. A rename is whole or not there.

Nothing else is promised: not that a synced file has a durable name, not that files keep the order of writes among each
other. What a client was told at position n of the notes must be true of every loss at or after n.

A state is a dict: path below `disk` → bytes, or None for a folder. `python3 power.py STATE DISK` writes one that a test has
kept to a folder.
"""
import ctypes
import mmap
import os
import pathlib
import pickle
import shutil
import struct
import subprocess
import sys
import time

OPEN, WRITE, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, RMDIR, SYNC = range(1, 10)
HEAD_BYTES, NOTE = 48, struct.Struct("<IIQqQ")
CREATE, CUT = os.O_CREAT, os.O_TRUNC
PAGE = 4096
NOTES_BYTES = 1 << 30


def library(folder):
    """Builds the library in `folder` when it is missing or old."""
    source, target = pathlib.Path(__file__).with_name("libpower.c"), pathlib.Path(folder) / "libpower.so"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(target), str(source), "-ldl"], check=True)
    return target


class Notes:
    """The file that a server under libpower.so writes; sparse, as large as the run may need."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        with open(self.path, "wb") as file:
            file.truncate(NOTES_BYTES)
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), NOTES_BYTES)
        self.head = (ctypes.c_uint64 * 6).from_buffer(self.map)

    @property
    def position(self):
        return max(self.head[0], HEAD_BYTES)

    def freeze(self):
        """No change of the running server begins any more, and none is half noted: it may be killed."""
        self.head[5] = 1
        end = time.monotonic() + 30
        time.sleep(0.001)
        while self.head[4]:
            assert time.monotonic() < end, "a change of a file does not end"

    def thaw(self):
        self.head[5] = 0

    @property
    def overflowed(self):
        return self.head[2] != 0

    def env(self, disk):
        return {"KALAM_POWER_LOG": str(self.path), "KALAM_POWER_DIR": str(disk)}

    def __iter__(self):
        """(position after it, kind, handle, number, payload) of each note."""
        at, end = HEAD_BYTES, self.position
        while at < end:
            size, kind, handle, number, payload = NOTE.unpack_from(self.map, at)
            start = at + NOTE.size
            at += size
            yield at, kind, handle, number, self.map[start:start + payload]

    def keep(self, folder):
        (pathlib.Path(folder) / "notes").write_bytes(self.map[:self.position])

    def close(self):
        del self.head
        self.map.close()
        self.path.unlink(missing_ok=True)


class File:
    def __init__(self, content=b""):
        self.durable, self.pending = bytearray(content), []  # pending: (position, offset, data), data None = new size

    @staticmethod
    def apply(content, writes):
        for _, offset, data in writes:
            if data is None:
                if offset < len(content):
                    del content[offset:]
                else:
                    content.extend(bytes(offset - len(content)))
            else:
                if offset > len(content):
                    content.extend(bytes(offset - len(content)))
                content[offset:offset + len(data)] = data

    def sync(self, began):
        done = [write for write in self.pending if write[0] <= began]
        self.apply(self.durable, done)
        self.pending = self.pending[len(done):]

    def lose(self, mode, rng):
        content, pending = bytearray(self.durable), self.pending
        if mode == "mixed":
            mode = rng.choice(["nothing", "everything", "first", "pages"]) if pending else "nothing"
        if mode == "nothing" or not pending:
            return bytes(content)
        if mode == "pages":
            return self.lose_pages(rng)
        if mode == "first":
            count = rng.randrange(len(pending) + 1)
            torn = pending[count:count + 1]
            pending = pending[:count]
            if torn and torn[0][2] and len(torn[0][2]) > 1:
                position, offset, data = torn[0]
                pending = pending + [(position, offset, data[:rng.randrange(1, len(data))])]
        self.apply(content, pending)
        return bytes(content)

    def lose_pages(self, rng):
        old, new = bytes(self.durable), bytearray(self.durable)
        self.apply(new, self.pending)
        share = rng.choice([0.1, 0.5, 0.9])
        for start in range(0, len(new), PAGE):
            page = old[start:start + PAGE].ljust(PAGE, b"\0")
            if rng.random() > share:
                new[start:start + PAGE] = page[:len(new) - start]
        if len(new) > len(old) and rng.random() < 0.3:
            del new[rng.randrange(len(old), len(new)):]
        return bytes(new)


class Folder:
    def __init__(self):
        self.durable, self.current, self.pending = {}, {}, []  # pending: (position, {name: node or None})

    def change(self, position, edits):
        for name, node in edits.items():
            self.put(self.current, name, node)
        self.pending.append((position, edits))

    @staticmethod
    def put(entries, name, node):
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node

    def apply(self, changes):
        entries = dict(self.durable)
        for _, edits in changes:
            for name, node in edits.items():
                self.put(entries, name, node)
        return entries

    def sync(self, began):
        done = [change for change in self.pending if change[0] <= began]
        self.durable = self.apply(done)
        self.pending = self.pending[len(done):]

    def lose(self, mode, rng):
        pending = self.pending
        if mode == "mixed":
            mode = rng.choice(["nothing", "everything", "first", "some"])
        if mode == "nothing":
            pending = []
        elif mode == "first":
            pending = pending[:rng.randrange(len(pending) + 1)]
        elif mode == "some":
            pending = [change for change in pending if rng.random() < 0.5]
        return self.apply(pending)


class Loss:
    """Replays the notes of one run that began with the state `base`."""

    def __init__(self, disk, base):
        self.disk, self.root, self.handles = str(disk), Folder(), {}
        for path in sorted(base):
            folder, name = self.find(path)
            node = Folder() if base[path] is None else File(base[path])
            folder.durable[name] = folder.current[name] = node

    def find(self, path):
        """(folder, name) of a path below the disk; folder None when it is not known."""
        node, parts = self.root, [part for part in path.split("/") if part]
        for part in parts[:-1]:
            node = node.current.get(part) if isinstance(node, Folder) else None
        return (node if isinstance(node, Folder) else None), (parts[-1] if parts else "")

    def below(self, full):
        return full[len(self.disk):]

    def node(self, path):
        folder, name = self.find(path)
        return self.root if not name else folder.current.get(name) if folder else None

    def take(self, position, kind, handle, number, payload):
        if kind in (WRITE, TRUNCATE, SYNC):
            node = self.handles.get(handle)
            if node is None:
                return  # a file of stdio, opened again
            if kind == SYNC:
                node.sync(number)
            else:
                node.pending.append((position, number, payload if kind == WRITE else None))
            return
        names = [self.below(name) for name in payload.decode().split("\0")[:-1]]
        if kind == OPEN:
            self.open(position, handle, number, names[0])
            return
        self.rename(position, kind, names)

    def open(self, position, handle, flags, path):
        folder, name = self.find(path)
        node = self.node(path)
        if node is None:
            if not flags & CREATE or folder is None:
                return
            node = File()
            folder.change(position, {name: node})
        elif flags & CUT:
            node.pending.append((position, 0, None))
        self.handles[handle] = node

    def rename(self, position, kind, names):
        folder, name = self.find(names[0])
        node = folder.current.get(name) if folder else None
        if kind == MKDIR:
            folder.change(position, {name: Folder()})
        elif node is not None and kind in (UNLINK, RMDIR):
            folder.change(position, {name: None})
        elif node is not None:
            target, to = self.find(names[1])
            assert target is folder, f"{names}: between folders"
            folder.change(position, {to: node} if kind == LINK else {name: None, to: node})

    def state(self, mode, rng):
        """`mode`: nothing, everything, mixed."""
        out = {}

        def walk(folder, prefix):
            for name, node in sorted(folder.lose(mode, rng).items()):
                path = f"{prefix}/{name}" if prefix else name
                if isinstance(node, Folder):
                    out[path] = None
                    walk(node, path)
                else:
                    out[path] = node.lose(mode, rng)
        walk(self.root, "")
        return out


def lose(notes, disk, base, position, rng):
    """The state when the power goes right after the note that ends at `position`."""
    loss = Loss(disk, base)
    for note in notes:
        if note[0] > position:
            break
        loss.take(*note)
    return loss.state(rng.choices(["nothing", "everything", "mixed"], [2, 1, 7])[0], rng)


def moments(notes, rng, count):
    """Positions of which half stand beside something rarer than a write."""
    every, rare, previous = [], [], HEAD_BYTES
    for position, kind, _, _, _ in notes:
        every.append(position)
        if kind in (RENAME, UNLINK, RMDIR, MKDIR, TRUNCATE):
            rare += [previous, position]
        previous = position
    return [rng.choice(rare if rare and rng.random() < 0.5 else every) for _ in range(count)]


def write_state(state, disk):
    shutil.rmtree(disk, ignore_errors=True)
    os.makedirs(disk)
    for path in sorted(state):
        full = os.path.join(disk, path)
        if state[path] is None:
            os.makedirs(full, exist_ok=True)
        else:
            with open(full, "wb") as file:
                file.write(state[path])


def keep(folder, state):
    """Writes down a state, for a test that failed."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.pickle").write_bytes(pickle.dumps(state))
    return folder / "state.pickle"


if __name__ == "__main__":
    write_state(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()), sys.argv[2])
