"""Asking a port again and again, on this machine's own loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from hatchway.vm.port_probe import PortProbe


class Fetcher:
    """Makes sockets as a VM's guest init would."""

    def __init__(self) -> None:
        self.made: list[socket.socket] = []
        self.bind_to: int | None = None
        self.families = {socket.AF_INET, socket.AF_INET6}

    async def __call__(self, family: socket.AddressFamily) -> socket.socket | None:
        if family not in self.families:
            return None
        sock = socket.socket(family)
        sock.setblocking(False)
        if self.bind_to is not None:
            sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", self.bind_to))
        self.made.append(sock)
        return sock


@pytest.fixture
async def fetch() -> AsyncIterator[Fetcher]:
    fetcher = Fetcher()
    yield fetcher
    assert [sock for sock in fetcher.made if sock.fileno() >= 0] == []
    for sock in fetcher.made:
        sock.close()


def _reserved(family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """A port that nothing listens on, and that nobody else gets."""
    sock = socket.socket(family)
    sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    return sock


async def test_refused_sockets_are_used_again(fetch: Fetcher) -> None:
    with _reserved() as service:
        probe = PortProbe(service.getsockname()[1], fetch)
        for _ in range(50):
            assert await probe.ask() is False
        assert len(fetch.made) == 2
        assert probe.take() is None
        service.listen()
        assert await probe.ask() is True
        sock = probe.take()
        assert sock is not None
        peer, _ = service.accept()
        with sock, peer:
            assert sock.getblocking() is False
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.send(b"x")
            assert peer.recv(10) == b"x"
        probe.close()


async def test_ipv6(fetch: Fetcher) -> None:
    with _reserved(socket.AF_INET6) as service:
        probe = PortProbe(service.getsockname()[1], fetch)
        assert await probe.ask() is False
        service.listen()
        assert await probe.ask() is True
        sock = probe.take()
        assert sock is not None
        with sock:
            assert sock.family == socket.AF_INET6
        probe.close()


async def test_a_guest_without_ipv6(fetch: Fetcher) -> None:
    fetch.families.discard(socket.AF_INET6)
    with _reserved() as service:
        probe = PortProbe(service.getsockname()[1], fetch)
        assert await probe.ask() is False
        assert await probe.ask() is False
        assert len(fetch.made) == 1
        probe.close()


async def test_a_full_backlog_is_a_service(fetch: Fetcher) -> None:
    with _reserved() as service:
        service.listen(0)
        probe = PortProbe(service.getsockname()[1], fetch)
        kept = []
        while await probe.ask() and (sock := probe.take()) is not None:
            kept.append(sock)
            assert len(kept) < 100
        assert kept
        assert await probe.ask() is True  # it listens
        assert probe.take() is None  # and takes no more
        for each in kept:
            each.close()
        probe.close()


async def test_its_own_peer_is_no_service(fetch: Fetcher) -> None:
    """The kernel may choose the very port that is dialled as the socket's own: here it has to."""
    with _reserved() as reserved:
        port = reserved.getsockname()[1]
    fetch.bind_to = port
    probe = PortProbe(port, fetch)
    assert await probe.ask() is False
    assert probe.take() is None
    assert await probe.ask() is False
    with socket.socket() as service:  # which can have its port at once
        service.bind(("127.0.0.1", port))
    probe.close()


async def test_a_connection_that_nobody_took_is_closed(fetch: Fetcher) -> None:
    with _reserved() as service:
        service.listen()
        probe = PortProbe(service.getsockname()[1], fetch)
        assert await probe.ask() is True
        probe.close()
        peer, _ = service.accept()
        with peer:
            assert peer.recv(10) == b""
