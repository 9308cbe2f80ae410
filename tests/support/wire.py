"""A WebSocket client of sockets alone: many of them in one thread, each may stall, be slow or vanish."""
import base64
import json
import os
import select
import socket
import struct
import time
import zlib


class Gone(Exception):
    """The connection ended: code and reason of a close frame, or (None, why)."""


class Wire:
    def __init__(self, port, user=None, receive_buffer=None, path="/v1/ws", headers=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data, self.messages = b"", []
        lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        lines += [f"X-User-Id: {user}"] if user else []
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.data:
            self.receive(20)
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Gone(None, head.decode(errors="replace"))

    def receive(self, limit_s):
        """Reads what is there into `data`; False after limit_s without any."""
        ready = select.select([self.socket], [], [], limit_s)[0]
        if not ready:
            return False
        try:
            part = self.socket.recv(1 << 16)
        except OSError as error:
            raise Gone(None, str(error)) from None
        if not part:
            raise Gone(None, "end of stream")
        self.data += part
        return True

    def send_frame(self, opcode, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
                                         if size < 65536 else b"\xff" + struct.pack(">Q", size))
        body = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        try:
            self.socket.sendall(head + mask + body.to_bytes(size, "big"))
        except OSError as error:
            raise Gone(None, str(error)) from None

    def send(self, message):
        self.send_frame(1, json.dumps(message).encode())

    def frame(self):
        """The next whole frame in `data`: (opcode, payload), or None."""
        if len(self.data) < 2:
            return None
        size, at = self.data[1] & 0x7f, 2
        if size == 126:
            size, at = (struct.unpack(">H", self.data[2:4])[0] if len(self.data) >= 4 else 1 << 62), 4
        elif size == 127:
            size, at = (struct.unpack(">Q", self.data[2:10])[0] if len(self.data) >= 10 else 1 << 62), 10
        if len(self.data) < at + size:
            return None
        frame = self.data[0] & 15, self.data[at:at + size]
        self.data = self.data[at + size:]
        return frame

    def next(self, limit_s=20.0):
        """The next message, or None after limit_s. Pings are answered."""
        end = time.monotonic() + limit_s
        while True:
            frame = self.frame()
            while frame is None:
                left = end - time.monotonic()
                if not self.receive(max(left, 0)) and left <= 0:
                    return None
                frame = self.frame()
            opcode, payload = frame
            if opcode == 9:
                self.send_frame(10, payload)
            elif opcode == 8:
                raise Gone(struct.unpack(">H", payload[:2])[0] if payload else None, payload[2:].decode())
            elif opcode in (1, 2):
                return json.loads(zlib.decompress(payload, 31) if payload[:2] == b"\x1f\x8b" else payload)

    def drop(self):
        """Ends without a word (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()
