"""Enough MessagePack for the protocol: nil, booleans, integers, doubles, texts, arrays, maps."""
import struct


def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\xdb" + struct.pack(">I", len(data)) + data
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    return (b"\xdf" + struct.pack(">I", len(value)) +
            b"".join(pack(k) + pack(v) for k, v in value.items()))


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        part = self.data[self.at:self.at + size]
        assert len(part) == size, "truncated"
        self.at += size
        return part

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def text(self, size):
        return self.take(size).decode()

    def array(self, size):
        return [self.value() for _ in range(size)]

    def map(self, size):
        return {self.value(): self.value() for _ in range(size)}

    def value(self):
        tag = self.number("B")
        if tag < 0x80 or tag >= 0xe0:
            return tag if tag < 0x80 else tag - 256
        if tag < 0xc0:
            return (self.map(tag & 15) if tag < 0x90 else self.array(tag & 15) if tag < 0xa0
                    else self.text(tag & 31))
        if tag in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[tag]
        numbers = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q",
                   0xd0: "b", 0xd1: "h", 0xd2: "i", 0xd3: "q"}
        if tag in numbers:
            return self.number(numbers[tag])
        sized = {0xd9: (self.text, "B"), 0xda: (self.text, "H"), 0xdb: (self.text, "I"), 0xdc: (self.array, "H"),
                 0xdd: (self.array, "I"), 0xde: (self.map, "H"), 0xdf: (self.map, "I")}
        read, form = sized[tag]
        return read(self.number(form))


def unpack(data):
    reader = _Reader(data)
    value = reader.value()
    assert reader.at == len(data), "bytes behind the value"
    return value
