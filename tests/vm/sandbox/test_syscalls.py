"""The kernel calls made through ctypes, where they can be made without a sandbox."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hatchway.vm.sandbox import syscalls


def test_links_are_followed_but_not_those_of_proc(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    fd = syscalls.open_without_magic_links(os.fsencode(tmp_path / "link"), os.O_RDONLY)
    with open(fd) as file:
        assert file.read() == "text"
        assert not os.get_inheritable(fd)
    for path in (b"/proc/self/exe", b"/proc/self/cwd/x", b"/proc/self/fd/0"):
        with pytest.raises(OSError, match="open: ") as caught:
            syscalls.open_without_magic_links(path, os.O_RDONLY)
        assert caught.value.errno == errno.ELOOP


def test_a_new_file_gets_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new"
    os.close(syscalls.open_without_magic_links(os.fsencode(path), os.O_CREAT | os.O_WRONLY, 0o600))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("path", "expected"), [("/proc/version", True), ("/usr/bin/env", False)])
def test_procfs_is_known(path: str, expected: bool) -> None:
    with open(path, "rb") as file:
        assert syscalls.is_procfs(file.fileno()) is expected


def test_a_failure_names_the_call_and_no_path() -> None:
    with pytest.raises(OSError, match="open_tree: No such file or directory") as caught:
        syscalls.open_tree("/nowhere")
    assert caught.value.errno == errno.ENOENT
    assert "nowhere" not in str(caught.value)


def test_names_that_others_see(tmp_path: Path) -> None:
    program = (
        "import sys; from hatchway.vm.sandbox import syscalls\n"
        "syscalls.overwrite_command_line('shown'); syscalls.set_process_name('a name that is too long')\n"
        "print(repr(open('/proc/self/cmdline').read().rstrip('\\0')), open('/proc/self/comm').read(), end='')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, "argument", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    assert ran.stdout == "'shown' a name that is \n"
