"""Asking the kernel for the sockets that listen."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.sandbox import guest_ports, sock_diag
from hatchway.vm.sandbox.sock_diag import Listener, listener, listeners, messages


def diag_message(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, inode: int) -> bytes:
    """A `struct inet_diag_msg`."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    ids = port.to_bytes(2, "big") + bytes(2) + address.packed.ljust(16, b"\0") + bytes(16 + 4 + 8)
    return bytes([family, 10, 0, 0]) + ids + struct.pack("=5I", 0, 0, 0, 0, inode)


def netlink_message(number: int, flags: int, payload: bytes) -> bytes:
    """A message with what aligns the next one."""
    head = struct.pack("=IHHII", 16 + len(payload), number, flags, 1, 0)
    return head + payload + bytes(-len(payload) % 4)


@given(st.ip_addresses(), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=20))
def test_every_address_is_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, inode: int, attributes: bytes
) -> None:
    message = diag_message(address, port, inode)
    found = listener(message + attributes)
    assert (found.family, found.port, found.inode) == (address.version, port, inode)
    assert ipaddress.ip_address(found.address) == address
    for end in range(len(message)):
        with pytest.raises(OSError) as refused:
            listener(message[:end])
        assert refused.value.errno == errno.EBADMSG


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=30)), max_size=5))
def test_messages_are_taken_apart(told: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(netlink_message(*each) for each in told)
    assert list(messages(data)) == told
    whole, at = {0}, 0
    for each in told:
        size = 16 + len(each[2])
        whole |= set(range(at + size, at + size + 4)[: 1 + -size % 4])  # what aligns the next is not missed
        at += size + -size % 4
    for end in range(len(data)):
        some: list[tuple[int, int, bytes]] = []
        with pytest.raises(OSError) if end not in whole else contextlib.nullcontext():
            some += messages(data[:end])
        assert some == told[: len(some)]


@given(st.binary(max_size=100))
def test_no_message_is_longer_than_what_was_received(data: bytes) -> None:
    found: list[tuple[int, int, bytes]] = []
    with contextlib.suppress(OSError):
        found += messages(data)
    assert sum(16 + len(payload) for _, _, payload in found) <= len(data)


def _with_port(found: list[Listener], port: int) -> list[Listener]:
    return [each for each in found if each.port == port]


@pytest.mark.parametrize(
    ("kind", "family", "host"),
    [
        (socket.AF_INET, 4, "127.0.0.1"),
        (socket.AF_INET, 4, "0.0.0.0"),
        (socket.AF_INET6, 6, "::1"),
        (socket.AF_INET6, 6, "::"),
    ],
)
def test_the_kernel_tells_what_its_table_says(kind: socket.AddressFamily, family: int, host: str) -> None:
    with socket.create_server((host, 0), family=kind) as server:
        port = server.getsockname()[1]
        with socket.create_connection(server.getsockname()[:2]):  # which does not listen
            (found,) = _with_port(listeners(family), port)
            assert [found] == _with_port(guest_ports.listeners_of_table(family), port)
        assert found.address == host
        assert found.inode == os.fstat(server.fileno()).st_ino
        assert _with_port(listeners(10 - family), port) == []
    assert _with_port(listeners(family), port) == []


def test_more_than_fit_into_one_answer() -> None:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(800)]
    try:
        ports = {server.getsockname()[1] for server in servers}
        assert ports <= {each.port for each in listeners(4)}
    finally:
        for server in servers:
            server.close()


def test_a_kernel_without_it_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sock_diag, "_NETLINK_SOCK_DIAG", 31)  # no such protocol
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError):
            listeners(4)
        told = guest_ports.listening()["ports"]
        assert port in [each["port"] for each in told]


def test_an_error_of_the_kernels_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sock_diag, "_SOCK_DIAG_BY_FAMILY", 99)
    with pytest.raises(OSError) as refused:
        listeners(4)
    assert refused.value.errno == errno.EINVAL
