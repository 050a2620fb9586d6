"""The command's nouns and verbs for processes, as processes, against a real VM."""

from __future__ import annotations

import hashlib
import json
import os
import signal

import pytest

from e2e.command import Command
from e2e.waiting import wait_until

pytestmark = pytest.mark.sandbox


def running(hatchway: Command, word: str) -> bool:
    """Whether a process whose arguments hold `word` runs in the VM."""
    processes = json.loads(hatchway.ok("ps", hatchway.key, "--all", "--json"))
    return any(word in each["command"] and each["state"] != "zombie" for each in processes)


def test_input_of_any_size_streams_through(hatchway: Command) -> None:
    content = os.urandom(20_000_000)
    assert hatchway.ok("exec", hatchway.key, "-i", "--", "cat", stdin=content) == content
    said = hatchway.ok("exec", hatchway.key, "-i", "--", "sha256sum", stdin=content)
    assert said.split()[0].decode() == hashlib.sha256(content).hexdigest()
    assert hatchway.ok("exec", hatchway.key, "-i", "--", "cat", stdin=b"") == b""
    ran = hatchway("exec", hatchway.key, "-i", "--", "sh", "-c", "cat >&2; exit 7", stdin=b"\0\xff")
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"", b"\0\xff")


def test_output_is_not_lost_on_a_slow_reader(hatchway: Command) -> None:
    with hatchway.start(
        "exec", hatchway.key, "-i", "--", "sh", "-c", "read go; head -c 30000000 /dev/zero"
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdin.write(b"go\n")
        run.stdin.flush()
        assert run.stdout.read(1) == b"\0"
        # Whoever reads nothing for this long makes the command wait.
        hatchway.ok("exec", hatchway.key, "--", "true")
        assert len(run.stdout.read()) == 30_000_000 - 1
        run.stdin.close()
    assert run.returncode == 0


def test_a_conversation(hatchway: Command) -> None:
    with hatchway.start(
        "exec", hatchway.key, "-i", "--", "sh", "-c", "while read x; do echo got $x; done"
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        for line in (b"one\n", b"two\n"):
            run.stdin.write(line)
            run.stdin.flush()
            assert run.stdout.readline() == b"got " + line
        run.stdin.close()
        assert run.stdout.read() == b""
    assert run.returncode == 0


def test_a_command_that_reads_nothing_ends_all_the_same(hatchway: Command) -> None:
    with hatchway.start("exec", hatchway.key, "-i", "--", "sh", "-c", "exec <&-; echo done") as run:
        # Its standard input is still open here.
        assert run.stdout is not None
        assert run.stdout.read() == b"done\n"
        assert run.wait(60) == 0
    ran = hatchway("exec", hatchway.key, "-i", "--", "head", "-c", "1", stdin=b"x" * 10_000_000)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"x", b"")


def test_a_time_limit_holds_with_input_too(hatchway: Command) -> None:
    ran = hatchway("exec", hatchway.key, "-i", "--timeout", "0.3", "--", "sleep", "1001", stdin=b"x")
    assert (ran.returncode, ran.stdout, ran.stderr) == (137, b"", b"killed after 0.3 s\n")
    assert not running(hatchway, "1001")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("flags", [(), ("-i",)])
def test_a_command_whose_caller_is_ended_is_killed(
    hatchway: Command, number: signal.Signals, flags: tuple[str, ...]
) -> None:
    hatchway.sh("true")  # so that the VM is there to be looked at
    with hatchway.start("exec", hatchway.key, *flags, "--", "sleep", "1002") as run:
        wait_until(lambda: running(hatchway, "1002"), "the command runs")
        run.send_signal(number)
        out, err = run.communicate()
    assert (out, err) == (b"", b"")
    assert run.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    wait_until(lambda: not running(hatchway, "1002"), "the command was killed")


def test_a_command_whose_reader_leaves_is_killed(hatchway: Command) -> None:
    for flags in ((), ("-i",)):
        ran = hatchway.first_byte("exec", hatchway.key, *flags, "--", "yes", "1003")
        assert (ran.returncode, ran.stdout, ran.stderr) == (141, b"1", b"")
        wait_until(lambda: not running(hatchway, "1003"), "the command was killed")


def test_a_program_that_is_spawned_is_seen_heard_and_ended(hatchway: Command) -> None:
    key = hatchway.key
    script = "echo out; echo err >&2; echo more; exec sleep 1004"
    pid = hatchway.ok("spawn", key, "-e", "A=b", "--", "sh", "-c", script).decode().strip()
    wait_until(lambda: hatchway("output", key, pid).stdout == b"out\nmore\n", "it has written")
    ran = hatchway("output", key, pid)
    assert (ran.returncode, ran.stderr) == (0, b"err\n")
    fields = hatchway.ok("ps", key).decode().rstrip("\n").split("\t")
    assert (fields[0], fields[1]) == (pid, "running")
    assert fields[3] == f"sh -c '{script}'"
    every = hatchway.ok("ps", key, "--all").decode().splitlines()
    assert any(line.split("\t")[0] == pid for line in every)
    tree = hatchway.ok("ps", key, "--tree").decode()
    assert f"\n{pid}\t" in f"\n{tree}"
    assert "└─ " in tree or "├─ " in tree
    with hatchway.start("output", key, pid, "--follow") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == b"out\n"
        hatchway.ok("kill", key, pid)
        assert following.stdout.read() == b"more\n"
    assert following.returncode == 0
    assert hatchway.ok("ps", key).decode().split("\t")[1] == "SIGTERM"
    (listed,) = json.loads(hatchway.ok("ps", key, "--json"))
    assert (listed["state"], listed["signal"]) == ("exited", 15)


@pytest.mark.slow
def test_signals_by_name_and_number(hatchway: Command) -> None:
    key = hatchway.key
    script = "trap 'echo hup' HUP; trap 'echo usr1' USR1; echo ready; while :; do read x; done"
    pid = hatchway.ok("spawn", key, "--", "sh", "-c", script).decode().strip()
    expected = b"ready\n"

    def it_said_so() -> bool:
        return hatchway.ok("output", key, pid) == expected

    for name, word in [("HUP", b"hup\n"), ("sigusr1", b"usr1\n"), ("10", b"usr1\n")]:
        wait_until(it_said_so, "it says so")
        hatchway.ok("kill", key, pid, "--signal", name)
        expected += word
    wait_until(it_said_so, "it says so")
    assert "hint: " in hatchway.fails("kill", key, pid, "-s", "NONSENSE")
    hatchway.ok("kill", key, pid, "-s", "KILL")
    counting = hatchway.ok("spawn", key, "--", "printf", "0123456789").decode().strip()
    wait_until(lambda: len(hatchway.ok("output", key, counting)) == 10, "it has written")
    assert hatchway.ok("output", key, counting, "--offset", "3") == b"3456789"
    said = hatchway.fails("kill", key, "99999", "4194304")
    assert said.count("error: process ") == 2
    assert "hint: " in said


def test_what_was_dropped_is_said(hatchway: Command) -> None:
    key = hatchway.key
    pid = hatchway.ok("spawn", key, "--", "sh", "-c", "head -c 3000000 /dev/zero; echo end").decode().strip()
    ran = hatchway("output", key, pid, "-f")
    ran = hatchway("output", key, pid)
    assert ran.stdout.endswith(b"\0end\n")
    dropped = 3_000_004 - len(ran.stdout)
    assert dropped > 0
    assert ran.stderr == f"({dropped:,} bytes were dropped here)\n".encode()


@pytest.mark.slow
def test_what_is_wrong_says_what_to_do(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.ok("exec", key, "--", "true")
    for arguments, words in [
        (["output", key, "99999"], ["99999", "hint: hatchway ps"]),
        (["kill", key, "99999"], ["process 99999: ", "hint: hatchway ps"]),
        (["spawn", key, "--", "no-such-command"], ["no-such-command", "hint: "]),
        (["spawn", key, "--cwd", "/none", "--", "true"], ["working directory", "hint: "]),
        (["exec", key, "-i", "--", "no-such-command"], ["no-such-command", "hint: "]),
        (["ps", "typo"], ["there is no VM of this kind with this key", "hint: "]),
    ]:
        said = hatchway.fails(*arguments)
        for word in words:
            assert word in said, (arguments, said)
    assert hatchway("ps", key).stderr == (
        b"nothing was spawned in this VM; with --all, every process of it is listed\n"
    )
    for wrong in (
        ["kill", key],
        ["kill", key, "x"],
        ["output", key, "-1"],
        ["output", key, "1", "--offset", "-1"],
    ):
        assert "Usage: " in hatchway.fails(*wrong, code=2)
    for verb in ("exec", "spawn"):
        assert "goes behind --" in hatchway.fails(verb, key, "ls", "-l", code=2)


def test_the_terminal_is_safe_from_what_a_guest_calls_itself(hatchway: Command) -> None:
    hatchway.ok("spawn", hatchway.key, "--", "sh", "-c", "exec sleep 1005", "\x1b]0;title\x07\t")
    for flags in ((), ("--all",), ("--tree",)):
        for shown in (
            hatchway.shown("stdout", "ps", hatchway.key, *flags),
            hatchway.ok("ps", hatchway.key, *flags).decode(),
        ):
            assert "\x1b]" not in shown
            assert "\x07" not in shown


def test_a_program_outlives_the_terminal_that_started_it(hatchway: Command) -> None:
    pid = hatchway.ok("spawn", hatchway.key, "--", "sleep", "1006").decode().strip()
    assert running(hatchway, "1006")
    hatchway.ok("kill", hatchway.key, pid)
