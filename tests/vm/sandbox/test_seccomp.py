"""The filter, run through an interpreter of classic BPF: every call of every architecture, without making one."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.sandbox import seccomp
from hatchway.vm.sandbox.seccomp import (
    AARCH64,
    ALLOW,
    KILL_PROCESS,
    X86_64,
    Architecture,
    build_filter,
    refuse,
)

BOTH = pytest.mark.parametrize("arch", [X86_64, AARCH64], ids=["x86-64", "aarch64"])


def decide(program: bytes, arch: int, number: int, argument: int = 0) -> int:
    """What the filter answers (bpf(4): the few instructions it is made of)."""
    data = struct.pack("IIQ6Q", number, arch, 0, argument, 0, 0, 0, 0, 0)
    accumulator = position = 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("HBBI", program, position * 8)
        position += 1
        if code == 0x20:
            accumulator = struct.unpack_from("I", data, value)[0]
        elif code == 0x06:
            return int(value)
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            position += if_true if holds else if_false


@BOTH
def test_denied_calls(arch: Architecture) -> None:
    program = build_filter(arch)
    for number in arch.denied.values():
        assert decide(program, arch.audit, number) == refuse(errno.EPERM)


@BOTH
@given(number=st.integers(0, 0x3FFFFFFF), argument=st.integers(0, 2**64 - 1))
def test_every_other_call_is_allowed(arch: Architecture, number: int, argument: int) -> None:
    special = {*arch.denied.values(), arch.clone, arch.socket, 435}
    if number not in special:
        assert decide(build_filter(arch), arch.audit, number, argument) == ALLOW


@BOTH
@given(flags=st.integers(0, 2**32 - 1))
def test_clone_is_refused_exactly_with_namespace_flags(arch: Architecture, flags: int) -> None:
    refused = bool(flags & seccomp.NAMESPACE_FLAGS)
    answer = decide(build_filter(arch), arch.audit, arch.clone, flags)
    assert answer == (refuse(errno.EPERM) if refused else ALLOW)


@BOTH
@given(family=st.integers(0, 2**32 - 1))
def test_sockets_are_allowed_by_family(arch: Architecture, family: int) -> None:
    answer = decide(build_filter(arch), arch.audit, arch.socket, family)
    assert answer == (ALLOW if family in seccomp.ALLOWED_SOCKET_FAMILIES else refuse(errno.EAFNOSUPPORT))


@BOTH
@given(other=st.integers(0, 2**32 - 1), number=st.integers(0, 2**32 - 1))
def test_another_architecture_is_killed(arch: Architecture, other: int, number: int) -> None:
    if other != arch.audit:
        assert decide(build_filter(arch), other, number) == KILL_PROCESS


@given(number=st.integers(0x40000000, 2**32 - 1))
def test_x32_is_unknown(number: int) -> None:
    assert decide(build_filter(X86_64), X86_64.audit, number) == refuse(errno.ENOSYS)


@BOTH
def test_clone3_is_unknown(arch: Architecture) -> None:
    assert decide(build_filter(arch), arch.audit, 435) == refuse(errno.ENOSYS)


@BOTH
def test_the_program_fits_the_kernel(arch: Architecture) -> None:
    program = build_filter(arch)
    assert len(program) % 8 == 0
    assert len(program) // 8 <= 4096  # BPF_MAXINSNS
