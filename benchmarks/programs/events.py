"""Server-sent events: the head and the first event at once and in one piece, another event every half second.

Any other target than /events gets a short answer, and the connection is kept.
"""

from __future__ import annotations

import select
import socket
import threading

SECONDS = 0.5
EVENT = b"data: the first event\n\n"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)


def serve(sock: socket.socket) -> None:
    """One connection."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        head = b""
        while more := sock.recv(65536):
            head += more
            if not head.endswith(b"\r\n\r\n"):
                continue
            wanted, head = head, b""
            if not wanted.startswith(b"GET /events"):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                continue
            sock.sendall(HEAD + _CHUNK)
            while not select.select([sock], [], [], SECONDS)[0]:
                sock.sendall(_CHUNK)
            return  # the client has left


def main() -> None:
    """Serve until ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_serve_until_lost, args=(sock,), daemon=True).start()


def _serve_until_lost(sock: socket.socket) -> None:
    try:
        serve(sock)
    except ConnectionError:
        pass  # the client left first


if __name__ == "__main__":
    main()
