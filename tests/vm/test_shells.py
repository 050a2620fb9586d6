"""Shells in a VM: terminals whose masters the server holds, whatever the guest does with them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hatchway.errors import Conflict, HatchwayError, InvalidRequest, NotFound, Unavailable
from hatchway.vm.event_log import KEPT_BYTES, Event, EventLog
from hatchway.vm.machine import Machine
from hatchway.vm.records import ShellRequest
from hatchway.vm.sandbox.channel import Answer
from hatchway.vm.shell import Shell, is_master
from hatchway.vm.shells import KEPT_ENDED, MAX_SHELLS, Shells
from vm.running import Boot, run, run_python

pytestmark = pytest.mark.sandbox


def request(*argv: str, **others: Any) -> ShellRequest:
    given: dict[str, Any] = {"env": {}, "cwd": None, "cols": 80, "rows": 24, **others}
    return ShellRequest(argv[0] if argv else None, list(argv[1:]), **given)


def sh(script: str, **others: Any) -> ShellRequest:
    return request("sh", "-c", script, **others)


async def typed(data: bytes) -> AsyncIterator[bytes]:
    yield data


class Watcher:
    """All that is printed by the shells of a machine."""

    def __init__(self, machine: Machine) -> None:
        self.log = EventLog()
        machine.report_to(self.log)

    def shown(self, shell: Shell) -> bytes:
        """As far as it is kept."""
        return b"".join(
            event.data["data"]  # type: ignore[misc]
            for event in self.log.since(0)[0]
            if event.kind == "shell_data" and event.data["shell_id"] == shell.id
        )

    async def sees(self, shell: Shell, text: bytes) -> None:
        async with asyncio.timeout(15):
            while text not in self.shown(shell):
                assert not shell.exit.done(), self.shown(shell)
                await self.log.more()

    def ends(self) -> list[Event]:
        return [event for event in self.log.since(0)[0] if event.kind == "shell_exit"]


@pytest.fixture
def watcher(machine: Machine) -> Watcher:
    return Watcher(machine)


async def test_a_program_has_a_terminal(machine: Machine, watcher: Watcher) -> None:
    script = "tty; stty size; stty -a | grep -o 'iutf8'; echo $TERM; pwd; exit 7"
    shell = await machine.shells.open(sh(script, cols=100, rows=30, cwd="/tmp"))
    assert (await shell.exit).exit_code == 7
    assert watcher.shown(shell) == b"/dev/pts/0\r\n30 100\r\niutf8\r\nxterm-256color\r\n/tmp\r\n"
    assert [event.data for event in watcher.ends()] == [
        {"shell_id": shell.id, "exit_code": 7, "signal": None}
    ]
    (info,) = machine.shells.infos()
    assert (info.id, info.command, info.state, info.exit_code) == (
        shell.id,
        ["sh", "-c", script],
        "exited",
        7,
    )


async def test_it_is_the_controlling_terminal(machine: Machine, watcher: Watcher) -> None:
    shell = await machine.shells.open(sh("trap 'echo caught' INT; echo up >/dev/tty; read x"))
    await watcher.sees(shell, b"up\r\n")
    await machine.shells.write(shell.id, typed(b"\x03"))
    await watcher.sees(shell, b"caught\r\n")
    await machine.shells.write(shell.id, typed(b"\x04"))
    await shell.exit


async def test_the_vms_own_shell_is_the_default(machine: Machine, watcher: Watcher) -> None:
    shell = await machine.shells.open(request(env={"PS1": "ready> "}))
    await machine.shells.write(shell.id, typed(b"echo $0; exit\n"))
    await shell.exit
    assert b"bash\r\n" in watcher.shown(shell)
    assert shell.info().command == ["bash"]
    shell = await machine.shells.open(request(env={"PATH": "/none"}))
    assert shell.info().command == ["/bin/sh"]
    await machine.shells.close(shell.id)


async def test_what_is_typed_keeps_its_order(machine: Machine, watcher: Watcher) -> None:
    shell = await machine.shells.open(sh("stty raw -echo; echo up; exec head -c 100000 >got"))
    await watcher.sees(shell, b"up")
    pieces = [f"{number:>999}\n".encode() for number in range(100)]
    sizes = await asyncio.gather(*(machine.shells.write(shell.id, typed(piece)) for piece in pieces))
    assert sizes == [1000] * 100
    assert (await shell.exit).exit_code == 0
    assert (await run(machine, "cat got")).stdout.encode() == b"".join(pieces)


async def test_its_size_changes(machine: Machine, watcher: Watcher) -> None:
    shell = await machine.shells.open(
        request(
            "python3",
            "-uc",
            "import os, signal\n"
            "signal.signal(signal.SIGWINCH, lambda *_: print('now', *os.get_terminal_size()))\n"
            "print('up')\n"
            "while True: signal.pause()",
        )
    )
    await watcher.sees(shell, b"up\r\n")
    machine.shells.resize(shell.id, 65_535, 1)
    await watcher.sees(shell, b"now 65535 1\r\n")
    assert (shell.info().cols, shell.info().rows) == (65_535, 1)
    await machine.shells.close(shell.id)
    machine.shells.resize(shell.id, 80, 24)  # one that has ended: nobody minds


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request("nonsense"), "command_not_found"),
        (request("/etc/passwd"), "not_executable"),
        (request("sh", cwd="/none"), "cwd_not_found"),
        (request("sh", "a\0b"), "invalid_command"),
        (request("sh", env={"a=b": "x"}), "invalid_environment"),
        (request("sh", "x" * 200_000), "command_too_long"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_cannot_be_opened(machine: Machine, asked: ShellRequest, code: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(HatchwayError) as caught:
        await machine.shells.open(asked)
    assert caught.value.code == code
    assert len(os.listdir("/proc/self/fd")) == before
    assert (await run(machine, "ls /dev/pts")).stdout == "ptmx\n"
    assert machine.shells.infos() == []


async def test_a_terminal_has_a_size(machine: Machine) -> None:
    for cols, rows in ((70_000, 24), (80, -1)):
        with pytest.raises((Unavailable, InvalidRequest)):
            await machine.shells.open(request("sh", cols=cols, rows=rows))
    assert (await run(machine, "echo well")).stdout == "well\n"


async def test_one_that_is_closed_ends(machine: Machine, watcher: Watcher) -> None:
    asks = await machine.shells.open(sh("trap 'echo bye; exit 3' HUP; echo up; while :; do sleep 0.05; done"))
    ignores = await machine.shells.open(sh("trap '' HUP; echo up; while :; do sleep 1; done"))
    for shell in (asks, ignores):
        await watcher.sees(shell, b"up\r\n")
    await asyncio.gather(*(machine.shells.close(each.id) for each in (asks, ignores, ignores)))
    assert (await asks.exit).exit_code == 3
    assert b"bye" in watcher.shown(asks)
    assert (await ignores.exit).signal == signal.SIGKILL
    await machine.shells.close(asks.id)
    with pytest.raises(NotFound):
        await machine.shells.close("0" * 20)
    with pytest.raises(Conflict) as caught:
        await machine.shells.write(asks.id, typed(b"x"))
    assert (caught.value.code, caught.value.details) == ("shell_ended", {"written": 0})


async def test_nothing_is_left_of_them(boot: Boot) -> None:
    machine = await boot()
    before = len(os.listdir("/proc/self/fd"))
    shells = [await machine.shells.open(sh("echo $$; exec cat")) for _ in range(5)]
    for shell in shells[:3]:
        await machine.shells.close(shell.id)
    assert len(os.listdir("/proc/self/fd")) == before + 2 * 2
    await machine.stop()
    await asyncio.sleep(0)
    assert [shell.exit.result().signal for shell in shells[3:]] == [signal.SIGKILL] * 2
    assert len(os.listdir("/proc/self/fd")) < before
    with pytest.raises(Unavailable) as caught:
        await machine.shells.write(shells[4].id, typed(b"x"))
    assert caught.value.code == "vm_stopped"


async def test_only_so_many_at_once_and_only_so_many_are_remembered(machine: Machine) -> None:
    opening = [machine.shells.open(request("cat")) for _ in range(MAX_SHELLS + 3)]
    opened = await asyncio.gather(*opening, return_exceptions=True)
    refused = [each for each in opened if isinstance(each, Conflict)]
    assert [error.code for error in refused] == ["too_many_shells"] * 3
    shells = [each for each in opened if isinstance(each, Shell)]
    await asyncio.gather(*(machine.shells.close(shell.id) for shell in shells))
    for _ in range(KEPT_ENDED - MAX_SHELLS + 2):
        await (await machine.shells.open(request("true"))).exit
    assert len(machine.shells.infos()) == KEPT_ENDED


async def test_one_whose_caller_leaves_is_closed(machine: Machine) -> None:
    before = len(os.listdir("/proc/self/fd"))
    opening = asyncio.ensure_future(machine.shells.open(request("sleep", "1000")))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with asyncio.timeout(15):
        while "sleep" in (await run(machine, "cat /proc/[0-9]*/comm")).stdout:
            pass
        while (await run(machine, "ls /dev/pts")).stdout != "ptmx\n":
            pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_one_that_never_stops_printing_holds_nobody_up(machine: Machine, watcher: Watcher) -> None:
    shells = [await machine.shells.open(request("yes", "x" * 100)) for _ in range(4)]
    loop = asyncio.get_running_loop()
    last, lags = loop.time(), []
    while watcher.log.last < 1000:
        await asyncio.sleep(0)
        lags.append(loop.time() - last)
        last = loop.time()
    assert sorted(lags)[len(lags) * 9 // 10] < 0.05
    assert sum(len(watcher.shown(shell)) for shell in shells) <= KEPT_BYTES
    assert (await run(machine, "echo well")).stdout == "well\n"
    await asyncio.gather(*(machine.shells.close(shell.id) for shell in shells))


async def test_one_that_does_not_read_holds_only_its_writer_up(machine: Machine, watcher: Watcher) -> None:
    shell = await machine.shells.open(sh("stty raw -echo; echo up; exec sleep 1000"))
    await watcher.sees(shell, b"up")
    writing = asyncio.ensure_future(machine.shells.write(shell.id, typed(b"x" * 1_000_000)))
    other = await machine.shells.open(request("cat"))
    await machine.shells.write(other.id, typed(b"hello\n"))
    await watcher.sees(other, b"hello\r\nhello\r\n")
    assert not writing.done()
    await machine.shells.close(shell.id)
    with pytest.raises(Conflict) as caught:
        await writing
    assert caught.value.code == "shell_ended"


async def test_a_terminal_that_its_program_closes_can_be_opened_again(
    machine: Machine, watcher: Watcher
) -> None:
    shell = await machine.shells.open(
        request(
            "python3",
            "-c",
            "import os, time\n"
            "name = os.ttyname(0)\n"
            "for fd in (0, 1, 2): os.close(fd)\n"
            "while not os.path.exists('again'): time.sleep(0.01)\n"
            "tty = os.open(name, os.O_RDWR)\n"
            "os.write(tty, b'again')\n"
            "time.sleep(1000)",
        )
    )
    loop = asyncio.get_running_loop()
    turns, until = 0, loop.time() + 0.3
    while loop.time() < until:
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10, "the event loop is not kept busy by a terminal that nobody has open"
    await run(machine, "touch again")
    await watcher.sees(shell, b"again")
    await machine.shells.close(shell.id)


async def test_what_it_left_running_does_not_keep_it_open(machine: Machine, watcher: Watcher) -> None:
    shell = await machine.shells.open(sh("trap '' HUP; (while :; do echo on; sleep 0.01; done) & echo first"))
    async with asyncio.timeout(15):
        assert (await shell.exit).exit_code == 0
    assert b"first" in watcher.shown(shell)


async def test_a_vm_that_goes_to_sleep_hangs_up(boot: Boot) -> None:
    machine = await boot()
    watcher = Watcher(machine)
    shell = await machine.shells.open(request("bash", "--norc", env={"PS1": "ready> "}))
    await watcher.sees(shell, b"ready> ")
    began = asyncio.get_running_loop().time()
    await machine.end(60)
    assert asyncio.get_running_loop().time() - began < 30, "an interactive shell ignores SIGTERM"
    assert shell.exit.done()


class LyingGuest:
    """Answers every request with an fd that is no master of a terminal."""

    def __init__(self, fds: list[int]) -> None:
        self._fds = fds

    async def request_and_take(self, _op: str, take: Any, _undo: Any, **_fields: object) -> Any:
        return take(Answer("done", pid=5), self._fds)


async def test_a_guests_word_for_what_is_a_terminal_is_not_taken() -> None:
    master, slave = os.openpty()
    reading, writing = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    assert is_master(master)
    assert not any(map(is_master, (slave, reading, null)))
    before = len(os.listdir("/proc/self/fd"))
    for fds in ([], [reading], [slave], [null, master]):
        shells = Shells()
        given = [os.dup(fd) for fd in fds]
        guest: Any = LyingGuest(given)
        shells.attach(guest)
        with pytest.raises(Unavailable) as caught:
            await shells.open(request("sh"))
        assert caught.value.code == "vm_failed"
        assert shells.infos() == []
        assert len(os.listdir("/proc/self/fd")) == before
    for fd in (master, slave, reading, writing, null):
        os.close(fd)


async def test_a_guest_cannot_put_another_file_in_the_place_of_its_terminals(machine: Machine) -> None:
    await run(machine, "rm /dev/ptmx && ln -s /dev/null /dev/ptmx && rm -rf /dev/pts /dev/tty; true")
    shell = await machine.shells.open(sh("tty"))
    assert (await shell.exit).exit_code == 0


async def test_a_vm_has_only_so_many_terminals(machine: Machine) -> None:
    ran = await run_python(
        machine,
        "import os, resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))\n"
        "held = []\n"
        "try:\n"
        "    while True: held.append(os.open('/dev/ptmx', os.O_RDWR))\n"
        "except OSError as error: print(len(held), error.errno)",
    )
    assert ran.stdout == "256 28\n", ran
    assert (await run(machine, "echo well")).stdout == "well\n"
