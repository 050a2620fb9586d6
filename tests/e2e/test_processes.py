"""Running commands: their surroundings, their output, their end, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from e2e.guest import refusal_of
from e2e.host_processes import descendants, guests, open_fds, zombies
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, Client

pytestmark = pytest.mark.sandbox


async def test_a_command_has_its_surroundings(agent: Agent) -> None:
    ran = await agent.exec("pwd; echo $HOME; echo $OWN; id -u")
    assert ran.stdout == "/home/user\n/home/user\n\n0\n"
    ran = await agent.exec('pwd; echo "$OWN"', env={"OWN": "a b\n'ü", "HOME": "/tmp"}, cwd="/tmp")
    assert ran.stdout == "/tmp\na b\n'ü\n"
    ran = await agent.exec(["printf", "%s|", "a b", "$HOME", "*", ""])
    assert ran.stdout == "a b|$HOME|*||"
    assert (await agent.exec("env | grep -c HATCHWAY")).stdout == "0\n"


@pytest.mark.parametrize("stdin", ["", "text\n", "ü", b"\0\xff\n", b"x" * 500_000])
async def test_standard_input_arrives_whole(agent: Agent, stdin: str | bytes) -> None:
    ran = await agent.exec("cat", stdin=stdin)
    assert ran.stdout_bytes == (stdin.encode() if isinstance(stdin, str) else stdin)


async def test_without_standard_input_there_is_none(agent: Agent) -> None:
    assert (await agent.exec("cat")).stdout == ""
    # A command that reads none of its input is no error.
    assert (await agent.exec("true", stdin=b"x" * 500_000)).exit_code == 0


async def test_standard_input_can_be_written_while_the_command_runs(agent: Agent) -> None:
    feeding: list[asyncio.Task[None]] = []

    async def feed(pid: int) -> None:
        for piece in (b"x" * 3_000_000, b"y" * 3_000_000):
            await agent.write_process_stdin(pid, piece)
        await agent.close_process_stdin(pid)

    ran = await agent.exec("cat", on_start=lambda pid: feeding.append(asyncio.create_task(feed(pid))))
    await feeding[0]
    assert ran.stdout_bytes == b"x" * 3_000_000 + b"y" * 3_000_000
    assert await agent.list_processes() == []


def test_standard_input_can_be_written_by_the_synchronous_client_too(server: ServerProcess) -> None:
    with Client(server.url) as client:
        agent = client.vm.get_or_create(["e2e", "open-input"])

        def feed(pid: int) -> None:
            agent.write_process_stdin(pid, b"little enough for a pipe")
            agent.close_process_stdin(pid)

        assert agent.exec("cat", on_start=feed).stdout == "little enough for a pipe"
        agent.destroy()


async def test_output_and_errors_are_told_apart(agent: Agent) -> None:
    ran = await agent.exec("echo out; echo err >&2; exit 7")
    assert (ran.exit_code, ran.stdout, ran.stderr, ran.signal) == (7, "out\n", "err\n", None)
    assert (await agent.exec("printf '\\377\\0'")).stdout_bytes == b"\xff\0"


async def test_output_comes_while_the_command_runs(agent: Agent) -> None:
    first = asyncio.Event()
    pieces: list[bytes] = []

    def take(piece: bytes) -> None:
        pieces.append(piece)
        first.set()

    # It ends only after its first line was seen here.
    running = asyncio.ensure_future(
        agent.exec("echo first; until [ -e go ]; do sleep 0.01; done; echo last", on_stdout=take)
    )
    await first.wait()
    assert b"".join(pieces) == b"first\n"
    assert not running.done()
    await agent.write_file("go", "")
    assert (await running).exit_code == 0
    assert b"".join(pieces) == b"first\nlast\n"


async def test_big_output_is_whole(agent: Agent) -> None:
    ran = await agent.exec("seq 1 2000000; seq 1 100000 >&2")
    assert ran.stdout == "".join(f"{number}\n" for number in range(1, 2_000_001))
    assert ran.stderr == "".join(f"{number}\n" for number in range(1, 100_001))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
async def test_a_signal_is_told(agent: Agent, number: signal.Signals) -> None:
    ran = await agent.exec(f"kill -{int(number)} $$")
    assert (ran.exit_code, ran.signal) == (128 + number, number)


async def test_a_time_out_kills_the_command_and_its_children(agent: Agent) -> None:
    ran = await agent.exec("echo before; sleep 1000 & sleep 1000", timeout=0.3)
    assert ran.timed_out
    assert (ran.signal, ran.stdout) == (signal.SIGKILL, "before\n")
    await eventually(lambda: _nothing_runs(agent, "sleep"), "the children are gone")
    assert not (await agent.exec("true", timeout=30)).timed_out


async def test_a_child_in_the_background_outlives_the_command(agent: Agent) -> None:
    ran = await agent.exec("sh -c 'sleep 1000' & echo started")
    assert (ran.exit_code, ran.stdout) == (0, "started\n")
    assert not await _nothing_runs(agent, "sleep")
    # Also when it writes to what was the command's output.
    ran = await agent.exec("sh -c 'while :; do echo noise; sleep 0.01; done' & echo started")
    assert ran.stdout.splitlines()[0] in ("started", "noise")


async def test_a_client_that_leaves_ends_its_command(agent: Agent) -> None:
    running = asyncio.ensure_future(agent.exec("sleep 1000.5"))

    async def runs() -> bool:
        return not await _nothing_runs(agent, "sleep 1000.5")

    await eventually(runs, "the command runs")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await eventually(lambda: _nothing_runs(agent, "sleep 1000.5"), "the command is gone")


async def test_spawned_processes_are_listed_and_waited_for(agent: Agent) -> None:
    await agent.exec("true")
    assert await agent.list_processes() == []
    process = await agent.spawn(
        "sh", ["-c", 'until [ -e go ]; do sleep 0.01; done; exit "$CODE"'], env={"CODE": "5"}, cwd="/tmp"
    )
    (info,) = await agent.list_processes()
    assert (info.pid, info.state, info.exit_code, info.signal) == (process.pid, "running", None, None)
    assert " ".join(info.command).startswith("sh -c until")
    assert info.started_at.utcoffset() is not None
    waiting = asyncio.gather(agent.wait_process(process.pid), agent.wait_process(process.pid))
    await agent.write_file("/tmp/go", "")
    first, second = await waiting
    assert first == second == 5
    assert await agent.wait_process(process.pid) == 5
    (info,) = await agent.list_processes()
    assert (info.state, info.exit_code) == ("exited", 5)


async def test_stop_asks_and_kill_does_not(agent: Agent) -> None:
    polite = await agent.spawn("sh", ["-c", "trap 'exit 3' TERM; touch ready; while :; do sleep 0.01; done"])
    await eventually(lambda: agent.exists("ready"), "the trap is set")
    await agent.stop_process(polite.pid)
    assert await agent.wait_process(polite.pid) == 3
    deaf = await agent.spawn("sh", ["-c", "trap '' TERM; touch deaf; while :; do sleep 0.01; done"])
    await eventually(lambda: agent.exists("deaf"), "the trap is set")
    await agent.stop_process(deaf.pid)
    await agent.kill_process(deaf.pid)
    assert await agent.wait_process(deaf.pid) == 128 + signal.SIGKILL
    # One that has ended is neither stopped nor an error.
    await agent.stop_process(deaf.pid)
    await agent.kill_process(deaf.pid)


async def test_a_kill_takes_the_children_along(agent: Agent) -> None:
    process = await agent.spawn("sh", ["-c", "sleep 1000.5 & sleep 1000.5"])

    async def runs() -> bool:
        return not await _nothing_runs(agent, "sleep 1000.5")

    await eventually(runs, "the children run")
    await agent.kill_process(process.pid)
    await eventually(lambda: _nothing_runs(agent, "sleep 1000.5"), "the children are gone")


async def test_a_process_outlives_the_client_that_started_it(server: ServerProcess, agent: Agent) -> None:
    async with AsyncClient(server.url) as other:
        process = await other.vm.get_or_create(list(agent.key)).spawn("sleep", ["1000"])
    (info,) = await agent.list_processes()
    assert (info.pid, info.state) == (process.pid, "running")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["no-such-command"], "command_not_found"),
        (["/home/user/missing"], "command_not_found"),
        (["/etc/passwd"], "not_executable"),
        (["/home/user"], "not_executable"),
        ([""], "invalid_command"),
        ([], "invalid_command"),
        ("", "invalid_command"),
        (["a\0b"], "invalid_command"),
        (["echo", "x" * 300_000], "command_too_long"),
    ],
)
async def test_what_cannot_be_started_is_refused(agent: Agent, command: str | list[str], code: str) -> None:
    refusal = await refusal_of(agent.exec(command))
    assert refusal.code == code
    assert 400 <= refusal.status < 500


async def test_surroundings_that_cannot_be_are_refused(agent: Agent) -> None:
    assert (await refusal_of(agent.exec("true", cwd="/missing"))).code == "cwd_not_found"
    assert (await refusal_of(agent.exec("true", cwd="/etc/passwd"))).code == "cwd_not_found"
    assert (await refusal_of(agent.exec("true", cwd="/a\0b"))).code == "invalid_path"
    for name in ("", "A=B", "A\0"):
        assert (await refusal_of(agent.exec("true", env={name: "x"}))).code == "invalid_environment"
    for timeout in (0, -1, float("inf"), float("nan")):
        assert (await refusal_of(agent.exec("true", timeout=timeout))).code == "invalid_timeout"
    for pid in (1, 999_999, -1, 0):
        for call in (agent.wait_process, agent.stop_process, agent.kill_process):
            assert (await refusal_of(call(pid))).code == "process_not_found"


async def test_many_commands_at_once_leave_nothing(own_server: ServerProcess) -> None:
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("busy")
        await agent.exists("/")  # boots it
        pipes, processes = _pipes(own_server), guests(own_server.pid)

        async def run(number: int) -> None:
            ran = await agent.exec(f"cat; echo {number}", stdin=f"in {number} ")
            assert (ran.exit_code, ran.stdout) == (0, f"in {number} {number}\n")

        # What the first ones make is kept on purpose: connections, sockets fetched ahead.
        await asyncio.gather(*(run(number) for number in range(200)))
        before = len(open_fds(own_server.pid))
        await asyncio.gather(*(run(number) for number in range(200)))
        assert await agent.list_processes() == []

        async def settled() -> bool:
            return (
                _pipes(own_server) <= pipes
                and guests(own_server.pid) == processes
                and zombies(own_server.pid) == set()
            )

        await eventually(settled, "no process, zombie or pipe of the commands is left")
        # Pooled connections come and go by the dozen; one descriptor lost by each command would be 200.
        assert len(open_fds(own_server.pid)) < before + 100


def _pipes(server: ServerProcess) -> set[str]:
    return {target for target in open_fds(server.pid) if target.startswith("pipe:")}


async def _nothing_runs(agent: Agent, words: str) -> bool:
    listed = await agent.exec("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    # The shell that lists is among them, and does not hold the words.
    return words not in listed.stdout


def test_this_process_is_not_what_is_counted(server: ServerProcess) -> None:
    assert os.getpid() not in {each.pid for each in descendants(server.pid)}
    assert descendants(server.pid) != set()
