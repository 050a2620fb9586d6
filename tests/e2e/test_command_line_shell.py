"""`hatchway shell` on a real terminal, and `hatchway events`."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.command import Command
from e2e.server_process import COMMAND
from e2e.waiting import wait_until

pytestmark = pytest.mark.sandbox


class User:
    """A person at a terminal on which a command runs."""

    def __init__(self, hatchway: Command, *arguments: str) -> None:
        self._mine, self._its = pty.openpty()
        self.resize(100, 30)
        os.set_blocking(self._mine, False)
        self.before = termios.tcgetattr(self._its)
        self.shown = b""
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            env=hatchway.environment | {"TERM": "xterm"},
            cwd=hatchway.folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def resize(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self._mine, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def types(self, keys: bytes) -> None:
        os.write(self._mine, keys)

    def sees(self, text: bytes) -> None:
        """Wait until the terminal has shown it since the last time."""

        def is_shown() -> bool:
            self._look()
            return text in self.shown

        try:
            wait_until(is_shown, f"{text!r} is shown")
        except AssertionError as error:
            raise AssertionError(f"{error}; shown was {self.shown!r}") from None
        self.shown = self.shown.partition(text)[2]

    def ends(self) -> int:
        """The command's exit code; by then the terminal is as it was before."""

        def has_ended() -> bool:
            self._look()  # else it could wait for its terminal
            return self.process.poll() is not None

        wait_until(has_ended, "the command ends")
        assert termios.tcgetattr(self._its) == self.before
        return self.process.returncode

    def _look(self) -> None:
        try:
            while data := os.read(self._mine, 65536):
                self.shown += data
        except BlockingIOError:
            pass

    def leave(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._mine)
        os.close(self._its)


@contextmanager
def user(hatchway: Command, *arguments: str) -> Iterator[User]:
    made = User(hatchway, *arguments)
    try:
        yield made
    finally:
        made.leave()


def at_a_prompt(hatchway: Command) -> tuple[str, ...]:
    return ("shell", hatchway.key, "--env", "PS1=ready> ", "--", "sh")


def test_it_is_a_terminal(hatchway: Command) -> None:
    with user(hatchway, *at_a_prompt(hatchway)) as person:
        person.sees(b"ready> ")
        assert termios.tcgetattr(person._its) != person.before
        person.types(b"tty; stty size; echo $TERM\r")
        person.sees(b"/dev/pts/0\r\n30 100\r\nxterm\r\nready> ")
        person.resize(120, 40)
        person.types(b"until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; echo resi''zed\r")
        person.sees(b"resized\r\n")
        person.types(b"sh -c 'echo u''p; exec sleep 1000'\r")
        person.sees(b"up\r\n")
        person.types(b"\x03")
        person.sees(b"ready> ")
        person.types(b"exit 7\r")
        assert person.ends() == 7


def test_its_program_is_the_users_own_choice(hatchway: Command) -> None:
    with user(hatchway, "shell", hatchway.key, "--cwd", "/tmp", "--", "pwd") as person:
        person.sees(b"/tmp\r\n")
        assert person.ends() == 0
    with user(hatchway, "shell", hatchway.key, "--", "nonsense") as person:
        person.sees(b"there is no command 'nonsense' in the VM\r\n")
        assert person.ends() == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_its_shell(hatchway: Command, number: int, code: int) -> None:
    with user(hatchway, *at_a_prompt(hatchway)) as person:
        person.sees(b"ready> ")
        person.process.send_signal(number)
        assert person.ends() == code
    assert hatchway.sh("ls /dev/pts") == b"ptmx\n"


def test_a_user_who_leaves(hatchway: Command) -> None:
    with user(hatchway, *at_a_prompt(hatchway)) as person:
        person.sees(b"ready> ")
        person.types(b"sleep 1000 ~.\r")
        person.sees(b"sleep 1000 ~.\r\n")
        person.types(b"~.")
        assert person.ends() == 255
    assert hatchway.sh("ls /dev/pts") == b"ptmx\n"


def test_without_a_terminal_there_is_none(hatchway: Command) -> None:
    said = hatchway.fails("shell", hatchway.key)
    assert "no terminal" in said
    assert "hatchway exec --stdin" in said


def test_events_are_lines(hatchway: Command) -> None:
    hatchway.ok("spawn", hatchway.key, "--", "printf", "a\\033\\nb")
    lines = hatchway.ok("events", hatchway.key).decode().splitlines()
    assert [each.split(" ", 2)[1:] for each in lines] == [
        ["vm_booted"],
        ["process_output", "pid=2 stream=stdout a\ufffd\ufffdb"],
        ["process_exit", "pid=2 exit_code=0"],
    ]
    booted, output, end = map(json.loads, hatchway.ok("events", hatchway.key, "--json").splitlines())
    assert (booted["event"], output["data"], end["exit_code"], end["signal"]) == (
        "vm_booted",
        "YRsKYg==",
        0,
        None,
    )
    assert hatchway.ok("events", hatchway.key, "--cursor", output["cursor"], "--json") == (
        json.dumps(end).encode() + b"\n"
    )
    only = hatchway.ok("events", hatchway.key, "--only", "vm_booted", "--only", "process_exit")
    assert [each.split()[1] for each in only.decode().splitlines()] == ["vm_booted", "process_exit"]
    assert "known" not in hatchway.fails("events", "no/such/vm")


def test_events_are_followed(hatchway: Command) -> None:
    hatchway.ok("exec", hatchway.key, "--", "true")
    with hatchway.start("events", hatchway.key, "--follow", "--only", "process_exit") as following:
        assert following.stdout is not None
        pid = hatchway.ok("spawn", hatchway.key, "--", "true").decode().strip()
        assert f"process_exit pid={pid} exit_code=0" in following.stdout.readline().decode()
        following.send_signal(signal.SIGINT)
        assert following.wait(15) == 130


def test_what_a_guest_prints_steers_no_terminal(hatchway: Command) -> None:
    hatchway.ok("spawn", hatchway.key, "--", "printf", "\\033[2J")
    assert "\x1b" not in hatchway.shown("stdout", "events", hatchway.key)
