from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.sandbox import wire

texts = st.binary(max_size=200).map(os.fsdecode)
values = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts | st.lists(texts, max_size=5)


@given(st.dictionaries(texts, values, max_size=8))
def test_round_trip_with_names_that_are_no_text(message: wire.Message) -> None:
    assert wire.decode(wire.encode(message)) == message


@given(st.binary(max_size=200))
def test_anything_else_is_a_value_error(data: bytes) -> None:
    try:
        message = wire.decode(data)
    except ValueError:
        return
    assert isinstance(message, dict)


def test_nesting_is_no_way_to_crash() -> None:
    with pytest.raises(ValueError):
        wire.decode(b"[" * 100_000)


def test_too_long() -> None:
    with pytest.raises(ValueError, match="is over"):
        wire.encode({"text": "x" * wire.MAX_MESSAGE_BYTES})


def test_received_fds_are_closed_on_exec() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        socket.send_fds(ours, [b"{}"], [0, 1, 2])
        data, fds = wire.receive(theirs)
        assert data == b"{}"
        assert len(fds) == 3
        assert [os.get_inheritable(fd) for fd in fds] == [False] * 3
        for fd in fds:
            os.close(fd)


def test_the_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        ours.close()
        assert wire.receive(theirs) == (b"", [])
