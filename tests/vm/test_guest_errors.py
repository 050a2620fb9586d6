"""What a guest's errno means to the user; what real VMs answer is in test_files.py and test_processes.py."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import HatchwayError
from hatchway.vm.guest_errors import file_error, general_error, process_error, signal_error
from hatchway.vm.sandbox.channel import GuestRefusal


@pytest.mark.parametrize(
    ("number", "what", "code"),
    [
        (errno.ENOENT, "", "file_not_found"),
        (errno.EISDIR, "kind", "is_a_directory"),
        (errno.EACCES, "kind", "not_a_regular_file"),
        (errno.EACCES, "", "not_permitted"),
        (errno.EROFS, "", "not_permitted"),
        (errno.ENOTEMPTY, "", "directory_not_empty"),
        (errno.ELOOP, "", "invalid_path"),
        (errno.ENOSPC, "", "storage_full"),
        (errno.EDQUOT, "", "storage_full"),
        (errno.EMFILE, "", "too_many_requests"),
        (errno.EIO, "", "vm_failed"),
    ],
)
def test_files(number: int, what: str, code: str) -> None:
    assert file_error(GuestRefusal(number, what)).code == code


@pytest.mark.parametrize(
    ("number", "what", "code"),
    [
        (errno.ENOENT, "cwd", "cwd_not_found"),
        (errno.ENOENT, "command", "command_not_found"),
        (errno.ENOEXEC, "command", "not_executable"),
        (errno.EACCES, "command", "not_executable"),
        (errno.EAGAIN, "command", "too_many_processes"),
        (errno.ENOMEM, "command", "too_many_processes"),
        (errno.E2BIG, "command", "command_too_long"),
        (errno.EPERM, "command", "not_permitted"),
        (errno.EMFILE, "", "too_many_requests"),
        (errno.EIO, "command", "vm_failed"),
    ],
)
def test_processes(number: int, what: str, code: str) -> None:
    assert process_error(GuestRefusal(number, what), "tool").code == code


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ESRCH, "process_not_found"), (errno.EPERM, "not_permitted"), (errno.EINVAL, "vm_failed")],
)
def test_signals(number: int, code: str) -> None:
    assert signal_error(GuestRefusal(number, ""), 7).code == code


@given(number=st.integers(), what=st.sampled_from(["", "cwd", "command", "kind"]) | st.text())
def test_whatever_a_guest_says_becomes_an_error_in_our_words(number: int, what: str) -> None:
    refusal = GuestRefusal(number, what)
    for error in (
        file_error(refusal),
        process_error(refusal, "tool"),
        signal_error(refusal, 7),
        general_error(refusal),
    ):
        assert isinstance(error, HatchwayError)
        assert 400 <= error.status < 600
        if len(what) > 9:
            assert what not in str(error)
        if number in errno.errorcode:
            assert os.strerror(number) not in str(error)
