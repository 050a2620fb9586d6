"""Reads request bodies and throws them away: only what Content-Length frames, which is what both proxies send here.

A thread per connection and blocking reads into one large buffer: next to nothing but the kernel's copy.
"""

from __future__ import annotations

import re
import socket
import threading

BUFFER = 1 << 20
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def serve(sock: socket.socket) -> None:
    """One connection: answers each request with the number of bytes that its body had."""
    buffer = bytearray(BUFFER)
    with sock:
        head = b""
        while True:
            while (end := head.find(b"\r\n\r\n") + 4) < 4:
                more = sock.recv(BUFFER)
                if not more:
                    return
                head += more
            found = _LENGTH.search(head[:end])
            total = int(found[1]) if found is not None else 0
            left = total - (len(head) - end)
            while left > 0:
                size = sock.recv_into(buffer, min(left, BUFFER))
                if not size:
                    return
                left -= size
            head = b""
            answer = str(total).encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def main() -> None:
    """Serve until ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
