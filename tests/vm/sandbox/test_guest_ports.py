"""Reading /proc/net/tcp."""

from __future__ import annotations

import ipaddress
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.sandbox.guest_ports import listening, parse_table
from hatchway.vm.sandbox.sock_diag import Listener

HEADER = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(address: bytes, port: int, inode: int, state: bytes = b"0A") -> bytes:
    words = b"".join(b"%08X" % word for word in struct.unpack(f"={len(address) // 4}I", address))
    return (
        b"   0: %b:%04X 00000000:0000 %b 00000000:00000000 00:00000000 00000000     0        0 %d 1 0 100 0\n"
        % (
            words,
            port,
            state,
            inode,
        )
    )


@given(st.ip_addresses(), st.integers(1, 65535), st.integers(0, 2**32))
def test_every_address_is_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, inode: int
) -> None:
    text = HEADER + line(address.packed, port, inode) + line(address.packed, port, inode, b"01")
    (found,) = parse_table(text, address.version)
    assert (ipaddress.ip_address(found.address), found.port, found.inode) == (address, port, inode)


def test_what_is_cut_short_is_left_out() -> None:
    assert list(parse_table(b"", 4)) == []
    assert list(parse_table(HEADER + b"   0: 0100007F:0BB8 00000000:0000 0A\n", 4)) == []


def test_this_very_process_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with open("/proc/net/tcp", "rb") as table:
            found = list(parse_table(table.read(), 4))
        port = listener.getsockname()[1]
        assert any(each[:3] == Listener(4, "127.0.0.1", port, 0)[:3] for each in found)
    assert "ports" in listening()
