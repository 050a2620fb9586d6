# Written by tools/generate-sync-client from tests/e2e/aio/test_events.py.
"""What happens in a VM, and shells inside it, as an agent follows them."""

from __future__ import annotations

import pytest

from hatchway import InvalidRequest, NotFound, SyncAgent

pytestmark = pytest.mark.sandbox


def test_what_a_process_does_is_told(agent: SyncAgent) -> None:
    with agent.events(kinds=["process_output", "process_exit"]) as events:
        assert (agent.info()).state == "asleep", "to follow it does not wake it"
        process = agent.spawn("sh", ["-c", "printf out; printf '\\377' >&2; exit 7"])
        told = []
        for event in events:
            assert event["pid"] == process.pid
            assert event.at is not None
            told.append(event)
            if event.kind == "process_exit":
                break
    printed = {(event["stream"], event.data) for event in told[:-1]}
    assert printed == {("stdout", b"out"), ("stderr", b"\xff")}
    assert (told[-1]["exit_code"], told[-1]["signal"]) == (7, None)
    # What is kept can be told again: from any cursor, or all of it.
    again = [event for event in agent.events(told[0].cursor, follow=False)]
    assert again == told[1:]
    kept = [event for event in agent.events("start", follow=False)]
    assert kept[0].kind == "vm_booted"
    assert kept[1:] == told


def test_only_those_asked_for_are_told(agent: SyncAgent) -> None:
    process = agent.spawn("echo", ["hello"])
    process.wait()
    ends = [event for event in agent.events("start", ["process_exit"], follow=False)]
    assert [(event.kind, event["pid"]) for event in ends] == [("process_exit", process.pid)]
    for cursor, kinds, code in (
        ("nonsense", None, "invalid_cursor"),
        (f"{ends[0].cursor}0", None, "invalid_cursor"),
        (None, ["process_end"], "invalid_kinds"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            with agent.events(cursor, kinds):
                pass
        assert caught.value.code == code


def test_a_cursor_of_another_server_is_told_apart(agent: SyncAgent) -> None:
    agent.wake()
    first, second = [event for event in agent.events("00000000-5", follow=False)]
    assert (first.kind, first["count"], first.at) == ("missed", None, None)
    assert second.kind == "vm_booted"


def test_it_ends_with_the_vm(agent: SyncAgent) -> None:
    with agent.events() as events:
        agent.wake()
        agent.destroy()
        kinds = [event.kind for event in events]
    assert kinds == ["vm_booted", "vm_shutdown"]


def test_a_shell_is_a_terminal(agent: SyncAgent) -> None:
    with agent.open_shell("sh", env={"PS1": "ready> "}, cwd="/tmp", cols=100, rows=30) as shell:
        shown = b""
        shell.write("tty; stty size; pwd; echo $TERM\n")
        for data in shell:
            shown += data
            if shown.endswith(b"xterm-256color\r\nready> "):
                break
        assert b"/dev/pts/0\r\n30 100\r\n/tmp\r\n" in shown
        assert (agent.info()).state == "running"
        shell.resize(120, 40)
        shell.write("sh -c 'echo u''p; exec sleep 1000'\n")
        for data in shell:
            if b"up\r\n" in data:
                break
        shell.write(b"\x03")
        shell.write("stty size; exit 7\n")
        shown = b"".join([data for data in shell])
    assert b"40 120\r\n" in shown
    assert shell.exit_code == 7
    (info,) = agent.list_shells()
    assert (info.shell_id, info.state, info.exit_code) == (shell.shell_id, "exited", 7)
    assert (info.command, info.cols, info.rows) == (("sh",), 120, 40)


def test_a_shell_that_is_closed_has_ended(agent: SyncAgent) -> None:
    shell = agent.open_shell("sh", ["-c", "trap '' HUP; echo up; while :; do sleep 1; done"])
    shown = b""
    for data in shell:
        shown += data
        if shown == b"up\r\n":
            break
    shell.close()
    shell.close()
    assert [data for data in shell] == []
    (info,) = agent.list_shells()
    assert (info.state, info.signal) == ("exited", 9)


def test_a_shell_that_cannot_be_opened(agent: SyncAgent) -> None:
    with pytest.raises(NotFound) as caught:
        agent.open_shell("nonsense")
    assert caught.value.code == "command_not_found"
    with pytest.raises(NotFound) as caught:
        agent.open_shell(cwd="/none")
    assert caught.value.code == "cwd_not_found"
    with pytest.raises(InvalidRequest) as wrong:
        agent.open_shell(cols=0)
    assert wrong.value.code == "invalid_size"
    assert agent.list_shells() == []


def test_a_shell_ends_with_its_vm(agent: SyncAgent) -> None:
    with agent.open_shell() as shell:
        (info,) = agent.list_shells()
        assert (info.command, info.state, info.cols, info.rows) == (("bash",), "running", 80, 24)
        agent.sleep()
        for _data in shell:
            pass
        assert shell.exit_code in {129, 137}, "SIGHUP, or with all else in the VM"
    assert agent.list_shells() == []
