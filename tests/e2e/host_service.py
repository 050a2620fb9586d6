"""A service on the host, which no VM may reach; it counts who came."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from pathlib import Path
from typing import Self

CANARY = b"the host's own service"


class HostService:
    """Listens on one address of the host and answers whoever comes with `CANARY`, as HTTP."""

    def __init__(self, family: socket.AddressFamily, place: tuple[str, int] | str) -> None:
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.bind(place)
        self._listener.listen(64)
        self._family = family
        self.place = self._listener.getsockname()
        self.visitors = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self.place[1])

    def can_be_reached_from_here(self) -> bool:
        """Whether it answers a client on the host itself."""
        with socket.socket(self._family, socket.SOCK_STREAM) as client:
            client.connect(self.place)
            reached = client.recv(4096).endswith(CANARY)
        self.visitors -= reached
        return reached

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
            len(CANARY),
            CANARY,
        )
        while True:
            try:
                visitor, _address = self._listener.accept()
            except OSError:
                return  # closed
            self.visitors += 1
            with visitor:
                visitor.sendall(answer)


def host_addresses() -> list[tuple[socket.AddressFamily, str]]:
    """The host's addresses: those of loopback, and of its other interfaces, without link-local ones."""
    found = [(socket.AF_INET, "127.0.0.1")]
    lines = Path("/proc/net/fib_trie").read_text().splitlines()
    for line, after in itertools.pairwise(lines):
        if "|--" in line and "/32 host LOCAL" in after:
            found.append((socket.AF_INET, line.split()[-1]))
    if os.path.exists("/proc/net/if_inet6"):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            packed = bytes.fromhex(line.split()[0])
            text = socket.inet_ntop(socket.AF_INET6, packed)
            if not text.startswith("fe80"):
                found.append((socket.AF_INET6, text))
    return list(dict.fromkeys(found))
