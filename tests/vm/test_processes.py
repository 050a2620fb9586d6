"""Commands in a VM: how they start, end, and are ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator

import pytest

from hatchway.errors import HatchwayError, NotFound, Unavailable
from hatchway.options import Limits
from hatchway.vm.event_log import EventLog
from hatchway.vm.machine import Machine
from hatchway.vm.processes import KEPT_EXITED, Processes
from hatchway.vm.records import ExecRequest, Exit, Output, SpawnRequest
from hatchway.vm.sandbox.channel import Channel
from vm.running import Boot, run


async def _commands(machine: Machine) -> list[str]:
    """The names of the processes inside, but init and those that look."""
    ran = await run(machine, "cat /proc/[0-9]*/comm")
    return sorted(set(ran.stdout.split()) - {"hatchway-init", "cat", "sh"})


async def _gone(machine: Machine, name: str) -> None:
    while name in await _commands(machine):
        pass


@pytest.mark.sandbox
async def test_how_a_command_ends(machine: Machine) -> None:
    ran = await run(machine, "exit 7")
    assert (ran.exit_code, ran.signal, ran.timed_out) == (7, None, False)
    ran = await run(machine, "kill -TERM $$")
    assert (ran.exit_code, ran.signal, ran.timed_out) == (None, signal.SIGTERM, False)


@pytest.mark.sandbox
async def test_arguments_environment_and_folder(machine: Machine) -> None:
    arguments = ["", " ", "a b", "'\"$HOME`", "-n", "ümläut", "\udcff", "line\nbreak"]
    ran = await run(machine, ["printf", "<%s>", *arguments])
    assert ran.stdout == "".join(f"<{argument}>" for argument in arguments)
    assert (await run(machine, 'echo "$OWN $HOME"', env={"OWN": "a=b c"})).stdout == "a=b c /home/user\n"
    assert (await run(machine, "pwd")).stdout == "/home/user\n"
    assert (await run(machine, "pwd", cwd="/var/log")).stdout == "/var/log\n"
    # The folder of one command is not that of the next, not even after an error.
    with pytest.raises(HatchwayError):
        await run(machine, ["nonsense"], cwd="/var/log")
    assert (await run(machine, "pwd")).stdout == "/home/user\n"


@pytest.mark.sandbox
async def test_a_path_of_the_commands_own(machine: Machine) -> None:
    await run(machine, "mkdir own; echo '#!/bin/sh\necho own $0' >own/ls; chmod +x own/ls")
    assert (
        await run(machine, ["ls"], env={"PATH": "/home/user/own:/bin"})
    ).stdout == "own /home/user/own/ls\n"
    assert (await run(machine, ["own/ls"])).stdout == "own own/ls\n"
    with pytest.raises(HatchwayError, match="no command 'ls'"):
        await run(machine, ["ls"], env={"PATH": "/none"})


_CANNOT_BE_STARTED: list[tuple[list[str], dict[str, str], str | None, str]] = [
    ([], {}, None, "invalid_command"),
    ([""], {}, None, "invalid_command"),
    (["true", "a\0b"], {}, None, "invalid_command"),
    (["true", "\ud800"], {}, None, "invalid_command"),
    (["true"], {"": "x"}, None, "invalid_environment"),
    (["true"], {"a=b": "x"}, None, "invalid_environment"),
    (["true"], {"a": "\0"}, None, "invalid_environment"),
    (["true"], {"a": "\ud800"}, None, "invalid_environment"),
    (["true"], {}, "relative", "invalid_path"),
    (["true"], {}, "/a\0b", "invalid_path"),
    (["true"], {}, "/\ud800", "invalid_path"),
    (["true"], {}, "/none", "cwd_not_found"),
    (["true"], {}, "/etc/passwd", "cwd_not_found"),
    (["nonsense"], {}, None, "command_not_found"),
    (["/none/true"], {}, None, "command_not_found"),
    (["/etc/passwd"], {}, None, "not_executable"),
    (["/etc"], {}, None, "not_executable"),
    (["/home/user/text"], {}, None, "not_executable"),
    (["echo", "x" * 140_000], {}, None, "command_too_long"),
    (["echo", "x" * 200_000], {}, None, "command_too_long"),
    (["echo"], {"a": "x" * 200_000}, None, "command_too_long"),
]


@pytest.mark.sandbox
async def test_what_cannot_be_started(machine: Machine) -> None:
    await run(machine, "echo text >text; chmod +x text")
    before = len(os.listdir("/proc/self/fd"))
    for argv, env, cwd, code in _CANNOT_BE_STARTED:
        for stdin in (None, b"x"):
            with pytest.raises(HatchwayError) as caught:
                await machine.processes.spawn(argv, env, cwd, stdin)
            assert caught.value.code == code, (argv, env, cwd)
            assert len(str(caught.value)) < 500
            with pytest.raises(HatchwayError) as caught:
                await machine.processes.execute(argv, env, cwd, stdin)
            assert caught.value.code == code, (argv, env, cwd)
    assert len(os.listdir("/proc/self/fd")) == before
    assert machine.processes.list() == []


@pytest.mark.sandbox
async def test_a_long_command_line(machine: Machine) -> None:
    assert (await run(machine, ["printf", "%s", "x" * 100_000])).stdout == "x" * 100_000
    assert (await run(machine, ["true", *["x" * 100] * 1000])).exit_code == 0


@pytest.mark.sandbox
async def test_the_limit_of_processes_is_a_clear_error(boot: Boot) -> None:
    machine = await boot(Limits(processes=20))

    async def spawn_many() -> None:
        for _ in range(30):
            await machine.spawn(SpawnRequest("sleep", ["1000"]))

    with pytest.raises(HatchwayError) as caught:
        await spawn_many()
    assert caught.value.code == "too_many_processes"
    for process in machine.processes.list():
        await machine.processes.signal(process.pid, signal.SIGKILL)
        await machine.processes.wait(process.pid)
    assert (await run(machine, "echo again")).stdout == "again\n"


@pytest.mark.sandbox
async def test_time_out_ends_the_whole_group(machine: Machine) -> None:
    ran = await run(machine, "echo begun; sleep 1000 & sleep 1000", timeout=0.2)
    assert (ran.exit_code, ran.signal, ran.timed_out) == (None, signal.SIGKILL, True)
    assert ran.stdout == "begun\n"
    await _gone(machine, "sleep")


@pytest.mark.sandbox
async def test_leaving_ends_the_whole_group(machine: Machine) -> None:
    for read_first in (True, False):
        async with machine.exec(ExecRequest("echo begun; sleep 1000 & sleep 1000")) as events:
            if read_first:
                await anext(events)
        await _gone(machine, "sleep")


@pytest.mark.sandbox
async def test_spawned_processes_are_listed_waited_for_and_signalled(machine: Machine) -> None:
    first = await machine.spawn(SpawnRequest("sh", ["-c", "sleep 1000 & wait"]))
    second = await machine.spawn(SpawnRequest("sh", ["-c", "exit 3"]))
    await run(machine, "true")  # an exec is not listed
    assert (await machine.processes.wait(second)).exit_code == 3
    assert (await machine.processes.wait(second)).exit_code == 3
    listed = machine.processes.list()
    assert [(each.pid, each.state) for each in listed] == [(first, "running"), (second, "exited")]
    assert listed[0].command == ["sh", "-c", "sleep 1000 & wait"]
    waiting = asyncio.create_task(machine.processes.wait(first))
    cancelled = asyncio.create_task(machine.processes.wait(first))
    await asyncio.sleep(0)
    cancelled.cancel()
    await machine.processes.signal(first, signal.SIGKILL)
    assert (await waiting).signal == signal.SIGKILL
    await _gone(machine, "sleep")
    await machine.processes.signal(first, signal.SIGKILL)  # one that has ended is none of it
    with pytest.raises(NotFound) as caught:
        await machine.processes.wait(1)
    assert caught.value.code == "process_not_found"


@pytest.mark.sandbox
async def test_a_spawned_process_may_write_for_ever(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("sh", ["-c", "head -c 1000000 /dev/zero; echo x >&2"]))
    assert (await machine.processes.wait(pid)).exit_code == 0


@pytest.mark.sandbox
async def test_the_end_of_a_spawned_processes_stderr_is_there_with_its_end(machine: Machine) -> None:
    for number in range(20):
        pid = await machine.spawn(
            SpawnRequest("sh", ["-c", f"seq 100000 >&2; echo out; echo problem {number} >&2"])
        )
        await machine.processes.wait(pid)
        assert machine.processes.get(pid).last_words().endswith(f"\n100000\nproblem {number}")
    assert (await run(machine, "echo x >&2; echo $$")).stderr == "x\n"


@pytest.mark.sandbox
async def test_the_youngest_process_may_be_anybodys(machine: Machine) -> None:
    now = asyncio.get_running_loop().time
    assert await machine.processes.youngest() is None
    assert machine.processes.last_spawned() is None
    before = now()
    first = await machine.spawn(SpawnRequest("sleep", ["1000"]))
    began = await machine.processes.youngest()
    assert began is not None
    assert before - 0.02 <= began <= now()  # the kernel counts in hundredths of a second
    await run(machine, "sleep 1000 >/dev/null 2>&1 & echo $!")  # not ours, once the shell has ended
    later = await machine.processes.youngest()
    assert later is not None
    assert later >= began - 0.02
    await machine.processes.signal(first, signal.SIGKILL)
    await machine.processes.wait(first)
    assert await machine.processes.youngest() is not None
    last = machine.processes.last_spawned()
    assert last is not None
    assert last.pid == first
    await run(machine, "kill -9 -1")
    while await machine.processes.youngest() is not None:
        pass


@pytest.mark.sandbox
async def test_a_thousand_commands_leave_nothing(machine: Machine) -> None:
    await run(machine, "true")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        rans = await asyncio.gather(*(run(machine, ["true"], stdin=b"x") for _ in range(20)))
        assert {ran.exit_code for ran in rans} == {0}
    assert len(os.listdir("/proc/self/fd")) == before
    assert len((await run(machine, "echo /proc/[0-9]*")).stdout.split()) == 2  # init and this shell
    assert machine.processes._processes == {}
    assert not machine.processes._left_behind
    assert not machine.processes._kills


@pytest.mark.sandbox
async def test_a_start_that_is_cancelled_leaves_no_process(machine: Machine) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for turns in range(12):
        task = asyncio.create_task(machine.processes.spawn(["sleep", "1000"], {}, None, b"x" * 100_000))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            machine.processes.leave(task.result())
    for _ in range(3):  # and an exec, somewhere in its life
        execution = asyncio.create_task(run(machine, "sleep 1000"))
        while "sleep" not in await _commands(machine):
            pass
        execution.cancel()
        await asyncio.wait([execution])
        await _gone(machine, "sleep")
    while machine.processes._processes:
        await run(machine, "true")
    assert [each for each in machine.processes.list() if each.state == "running"] == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.sandbox
async def test_the_end_of_the_vm_ends_every_command(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("sleep", ["1000"]))
    waiting = asyncio.create_task(machine.processes.wait(pid))
    before = len(os.listdir("/proc/self/fd"))
    async with machine.exec(ExecRequest("echo begun; sleep 1000", stdin=bytes(1_000_000))) as events:
        await anext(events)
        os.kill(machine.init_pid, signal.SIGKILL)
        assert [event async for event in events] == [Exit(exit_code=None, signal=signal.SIGKILL)]
    assert (await waiting).signal == signal.SIGKILL
    for action in (
        machine.spawn(SpawnRequest("true")),
        run(machine, "true"),
    ):
        with pytest.raises(Unavailable) as caught:
            await action
        assert caught.value.code == "vm_stopped"
    await machine.ended
    assert len(os.listdir("/proc/self/fd")) < before


Hostile = tuple[Processes, socket.socket]


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    """Processes of a guest that is in the test's hands."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    processes = Processes()
    channel = Channel(ours, processes.exited)
    processes.attach(channel)
    yield processes, theirs
    theirs.close()
    channel.kill()
    await channel.wait_ended()
    processes.close()


async def _spawn(hostile: Hostile, pid: int, ends: str = "rrw") -> list[int]:
    """Spawn a process, which the guest says has this pid.

    Args:
        hostile: the guest.
        pid: what it says.
        ends: what it hands out: `r`eading or `w`riting ends of pipes, or a `f`ile.

    Returns:
        The other ends of those pipes: the process's.
    """
    processes, theirs = hostile
    task = asyncio.create_task(processes.spawn(["x"], {}, None))
    request = json.loads(await asyncio.get_running_loop().sock_recv(theirs, 100_000))
    given, kept = [], []
    for end in ends:
        pipe = os.pipe()
        given.append(pipe[end == "w"] if end != "f" else os.open("/dev/null", os.O_RDWR))
        kept.append(pipe[end != "w"])
        if end == "f":
            os.close(pipe[0])
    answer = json.dumps({"op": "done", "id": request["id"], "pid": pid}).encode()
    socket.send_fds(theirs, [answer], given)
    for fd in given:
        os.close(fd)
    await asyncio.wait([task])
    if task.exception() is not None:
        for fd, end in zip(kept, ends, strict=True):
            if end == "w":
                assert os.read(fd, 1) == b""  # nobody has kept the other end
            else:
                with pytest.raises(BrokenPipeError):
                    os.write(fd, b"x")
            os.close(fd)
    await task
    return kept


async def test_a_pid_that_is_used_again(hostile: Hostile) -> None:
    processes, _ = hostile
    left = await _spawn(hostile, 7)
    processes.exited(7, 0)
    assert (await processes.wait(7)).exit_code == 0
    new = await _spawn(hostile, 7)
    assert [(each.pid, each.state) for each in processes.list()] == [(7, "running")]
    os.write(left[0], b"what the first left running goes on writing")
    for fd in left + new:
        os.close(fd)
    processes.exited(7, signal.SIGTERM)
    assert (await processes.wait(7)).signal == signal.SIGTERM


async def _youngest(hostile: Hostile, answer: dict[str, object]) -> float | None:
    processes, theirs = hostile
    task = asyncio.create_task(processes.youngest())
    request = json.loads(await asyncio.get_running_loop().sock_recv(theirs, 100_000))
    assert request["op"] == "youngest"
    with open("/dev/null") as null:
        socket.send_fds(theirs, [json.dumps({"id": request["id"]} | answer).encode()], [null.fileno()])
    return await task


async def test_what_a_guest_says_of_its_youngest_process_is_not_taken_at_its_word(hostile: Hostile) -> None:
    processes, _ = hostile
    now = asyncio.get_running_loop().time
    before = len(os.listdir("/proc/self/fd"))
    assert await _youngest(hostile, {"op": "done"}) is None
    for age in (-1e300, -1, 0):
        began = await _youngest(hostile, {"op": "done", "age": age})
        assert began is not None
        assert began <= now()  # nothing begins in the future
    began = await _youngest(hostile, {"op": "done", "age": 1e300})
    assert began is not None
    assert began < now() - 1e299
    assert await _youngest(hostile, {"op": "error", "errno": 24}) is None
    assert len(os.listdir("/proc/self/fd")) == before
    fds = await _spawn(hostile, 7)
    known = await _youngest(hostile, {"op": "error", "errno": 24})
    assert known == processes.get(7).started
    for fd in fds:
        os.close(fd)
    with pytest.raises(Unavailable):
        await _youngest(hostile, {"op": "done", "age": "NaN"})


async def test_the_pid_of_a_running_process_is_a_wrong_answer(hostile: Hostile) -> None:
    processes, _ = hostile
    fds = await _spawn(hostile, 7)
    with pytest.raises(Unavailable, match="wrong answer"):
        await _spawn(hostile, 7)
    assert len(processes.list()) == 1
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("ends", ["", "r", "rr", "rrr", "rrww", "wwr", "rww", "frw", "rrf"])
async def test_other_pipes_than_those_of_a_process_are_refused(hostile: Hostile, ends: str) -> None:
    with pytest.raises(Unavailable, match="wrong answer"):
        await _spawn(hostile, 7, ends)
    assert hostile[0].list() == []


async def test_only_the_last_of_those_that_have_ended_are_remembered(hostile: Hostile) -> None:
    processes, _ = hostile
    for pid in range(10, 10 + KEPT_EXITED + 5):
        for fd in await _spawn(hostile, pid):
            os.close(fd)
        if pid > 10:
            processes.exited(pid, 0)
    listed = [each.pid for each in processes.list()]
    assert len(listed) == KEPT_EXITED + 1
    assert listed[:2] == [10, 15]  # the one that runs is never forgotten


# -- signals


@pytest.mark.sandbox
async def test_a_signal_reaches_the_group_of_a_spawned_process_and_any_other_alone(machine: Machine) -> None:
    program = "trap 'echo $0' USR1; echo ready; while :; do :; done"
    parent = 'sh -c "$P" child & exec sh -c "$P" parent'
    pid = await machine.spawn(SpawnRequest("sh", ["-c", parent], env={"P": program}))
    log = machine.processes.get(pid).written.log
    while log.end < len("ready\n" * 2):
        await machine.processes.get(pid).written.more()
    await machine.processes.signal_any(pid, signal.SIGUSR1)
    while log.end < len("ready\n" * 2 + "parent\nchild\n"):
        await machine.processes.get(pid).written.more()
    child = next(each.pid for each in await machine.processes.list_all() if each.command[-1:] == (b"child",))
    await machine.processes.signal_any(child, signal.SIGUSR1)
    while log.end < len("ready\n" * 2 + "parent\nchild\n" + "child\n"):
        await machine.processes.get(pid).written.more()
    await machine.processes.signal_any(child, signal.SIGKILL)
    while child in {each.pid for each in await machine.processes.list_all()}:
        pass
    assert log.end == len("ready\n" * 2 + "parent\nchild\n" + "child\n")
    assert machine.processes.get(pid).info().state == "running"


@pytest.mark.sandbox
async def test_what_is_not_signalled(machine: Machine) -> None:
    for pid, code in ((1, "not_permitted"), (99_999, "process_not_found"), (2**22, "process_not_found")):
        with pytest.raises(HatchwayError) as caught:
            await machine.processes.signal_any(pid, signal.SIGKILL)
        assert caught.value.code == code
    ended = await machine.spawn(SpawnRequest("true"))
    await machine.processes.wait(ended)
    await machine.processes.signal_any(ended, signal.SIGKILL)  # none of it, and no error
    # A command of exec is nobody's to wait for or to stop as a spawned one; as a process, it is like any other.
    async with machine.exec(ExecRequest("echo $$; exec sleep 1000")) as events:
        first = await anext(events)
        assert isinstance(first, Output)
        pid = int(first.data)
        for call in (machine.processes.wait(pid), machine.processes.signal(pid, signal.SIGKILL)):
            with pytest.raises(NotFound):
                await call
        await machine.processes.signal_any(pid, signal.SIGTERM)
        assert [event async for event in events] == [Exit(exit_code=None, signal=signal.SIGTERM)]


@pytest.mark.sandbox
async def test_a_spawned_process_holds_three_descriptors_and_none_after_its_end(machine: Machine) -> None:
    await run(machine, "true")
    before = len(os.listdir("/proc/self/fd"))
    pids = [await machine.spawn(SpawnRequest("sleep", ["1000"])) for _ in range(10)]
    assert len(os.listdir("/proc/self/fd")) == before + 30
    for pid in pids:
        await machine.processes.signal(pid, signal.SIGKILL)
        await machine.processes.wait(pid)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.sandbox
async def test_what_spawned_ones_do_is_told(boot: Boot) -> None:
    machine = await boot()
    log = EventLog()
    machine.report_to(log)
    ended = await machine.processes.spawn(["sh", "-c", "printf out; exec printf '\\377' >&2"], {}, None)
    runs = await machine.processes.spawn(["sleep", "1000"], {}, None)
    await run(machine, "echo a command is its caller's own affair")
    await machine.processes.wait(ended.pid)
    await machine.stop()
    await asyncio.sleep(0)
    events = [(event.kind, dict(event.data)) for event in log.since(0)[0]]
    printed = [data for kind, data in events if kind == "process_output"]
    assert sorted((data["pid"], data["stream"], data["data"]) for data in printed) == [
        (ended.pid, "stderr", b"\xff"),
        (ended.pid, "stdout", b"out"),
    ]
    assert [each for each in events if each[0] != "process_output"] == [
        ("process_exit", {"pid": ended.pid, "exit_code": 0, "signal": None}),
        ("process_exit", {"pid": runs.pid, "exit_code": None, "signal": signal.SIGKILL}),
    ]
    assert events.index(("process_exit", {"pid": ended.pid, "exit_code": 0, "signal": None})) == 2
