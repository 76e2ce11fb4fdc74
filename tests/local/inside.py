"""A web server that tests start inside a session: ``python3 inside.py PORT NAME``."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GO_ON = threading.Semaphore(0)
OPEN: list[int] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        action = getattr(self, f"get_{path}", None)
        if action is None:
            seen = [[name, value] for name, value in self.headers.items()]
            self.answer(json.dumps({"path": self.path, "headers": seen}).encode())
        else:
            action()

    do_HEAD = do_GET  # noqa: N815

    def get_who(self) -> None:
        self.answer(sys.argv[2].encode())

    def get_moved(self) -> None:
        self.answer(b"", 302, Location="/who", Set_Cookie="own=1; Path=/")

    def get_zipped(self) -> None:
        self.answer(b"\x1f\x8bnot really", Content_Encoding="gzip")

    def get_big(self) -> None:
        self.send_response(200)
        size = int(self.path.partition("?")[2])
        self.send_header("Content-Length", str(size))
        self.end_headers()
        while size > 0:
            self.wfile.write(bytes(min(size, 65536)))
            size -= 65536

    def get_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def get_garbage(self) -> None:
        self.wfile.write(b"what is HTTP?\r\n\r\n")
        self.close_connection = True

    def get_silence(self) -> None:
        self.close_connection = True

    def get_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            GO_ON.acquire()
        self.wfile.write(b"0\r\n\r\n")

    def get_next(self) -> None:
        GO_ON.release()
        self.answer(b"")

    def get_stuck(self) -> None:
        """Answer never; count until the client is gone."""
        OPEN.append(1)
        self.rfile.read(1)
        OPEN.pop()
        self.close_connection = True

    def get_open(self) -> None:
        self.answer(str(len(OPEN)).encode())

    def do_POST(self) -> None:
        digest, size = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            size += len(piece)
        found = {"size": size, "sha256": digest.hexdigest(), "chunked": not self.length()}
        self.answer(json.dumps(found).encode())

    def length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def body(self) -> Iterator[bytes]:
        left = self.length()
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        while left:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            yield piece

    def get_ws(self) -> None:
        """Echo messages; the text ``close`` closes with 4001, ``crash`` without a word."""
        if self.headers.get("Upgrade") != "websocket":
            self.answer(b"", 426)
            return
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        if protocols := self.headers.get("Sec-WebSocket-Protocol"):
            self.send_header("Sec-WebSocket-Protocol", protocols.split(",")[-1].strip())
        self.end_headers()
        self.close_connection = True
        while True:
            opcode, data = self.read_frame()
            if data == b"crash":
                return
            if data == b"close":
                opcode, data = 8, struct.pack("!H", 4001) + b"as asked"
            elif opcode == 9:
                opcode = 10
            self.write_frame(opcode, data)
            if opcode == 8:
                self.read_frame()
                return

    def read_frame(self) -> tuple[int, bytes]:
        first, second = self.rfile.read(2)
        size = second & 127
        if size == 126:
            (size,) = struct.unpack("!H", self.rfile.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        data = self.rfile.read(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return first & 15, (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")

    def write_frame(self, opcode: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 128 | opcode, size)
        elif size < 65536:
            head = struct.pack("!BBH", 128 | opcode, 126, size)
        else:
            head = struct.pack("!BBQ", 128 | opcode, 127, size)
        self.wfile.write(head + data)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET6 if sys.argv[3:] == ["ipv6"] else socket.AF_INET


if __name__ == "__main__":
    with Server(("::1" if sys.argv[3:] else "127.0.0.1", int(sys.argv[1])), Handler) as server:
        print("ready", flush=True)  # noqa: T201 - what the test waits for
        server.serve_forever()
