"""When the ports of a VM are looked for, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.waiting import eventually
from hatchway.errors import Unavailable
from hatchway.vm import port_watch
from hatchway.vm.event_log import Event, EventLog
from hatchway.vm.port_watch import PortWatch
from hatchway.vm.records import ListeningPort

WEB = ListeningPort(3000, "127.0.0.1", "ipv4", 7, (b"node", b"a server.js"))


class Watched:
    """The ports of a VM in the test's hands, and the watch of them."""

    def __init__(self) -> None:
        self.ports: list[ListeningPort] = []
        self.looks = 0
        self.refuses = False
        self.paused = False
        self.events = EventLog()
        self.watch = PortWatch(self._read, self.events, lambda: self.paused)

    async def _read(self) -> list[ListeningPort]:
        self.looks += 1
        if self.refuses:
            raise Unavailable("vm_failed", "the VM could not do this")
        return self.ports

    @property
    def told(self) -> list[Event]:
        return list(self.events.since(0)[0])

    async def looked(self, times: int = 3) -> None:
        """Wait until it has looked so often again."""
        before = self.looks

        async def often() -> bool:
            return self.looks >= before + times

        await eventually(often, f"the ports are looked for {times} times")


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    watched = Watched()
    yield watched
    watched.watch.stop()


@pytest.fixture
async def other() -> AsyncIterator[Watched]:
    """One that is looked at all the time: a clock for what another must not do."""
    other = Watched()
    with other.events.following():
        other.watch.stir()
        yield other
    other.watch.stop()


async def test_nothing_is_looked_for_before_a_process_was_started(watched: Watched, other: Watched) -> None:
    with watched.events.following():
        watched.watch.followed()
        await other.looked(5)
        assert watched.looks == 0
        watched.watch.stir()
        await watched.looked()


async def test_begin_and_end_are_told_once(watched: Watched) -> None:
    watched.watch.stir()
    watched.ports = [WEB, replace(WEB, address="::", family="ipv6", pid=None, command=())]
    await watched.looked()
    assert [(event.kind, dict(event.data)) for event in watched.told] == [
        ("port_opened", {"port": 3000, "address": "127.0.0.1", "pid": 7, "command": "node 'a server.js'"}),
        ("port_opened", {"port": 3000, "address": "::", "pid": None, "command": ""}),
    ]
    watched.ports = [WEB]
    await watched.looked()
    assert [(event.kind, dict(event.data)) for event in watched.told[2:]] == [
        ("port_closed", {"port": 3000, "address": "::"})
    ]
    watched.watch.stop()
    assert [(event.kind, dict(event.data)) for event in watched.told[3:]] == [
        ("port_closed", {"port": 3000, "address": "127.0.0.1"})
    ]


async def test_a_refusal_does_not_end_the_watch(watched: Watched) -> None:
    watched.ports, watched.refuses = [WEB], True
    watched.watch.stir()
    await watched.looked()
    assert watched.told == []
    watched.refuses = False
    await watched.looked()
    assert [event.kind for event in watched.told] == ["port_opened"]
    watched.refuses = True
    await watched.looked()
    assert len(watched.told) == 1, "a port is not closed since nobody says that it is open"


async def test_a_vm_in_which_nothing_changes_is_left_alone(
    watched: Watched, other: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_watch, "WATCHED_SECONDS", 0.0)
    watched.watch.stir()
    await other.looked(5)
    before = watched.looks
    await other.looked(5)
    assert watched.looks == before
    with watched.events.following():
        watched.watch.followed()
        await watched.looked()


async def test_a_paused_vm_is_left_alone_though_somebody_follows(watched: Watched, other: Watched) -> None:
    watched.paused = True
    watched.watch.stir()
    with watched.events.following():
        watched.watch.followed()
        await other.looked(5)
        assert watched.looks == 0
    watched.paused = False
    watched.watch.stir()
    await watched.looked()


async def test_a_process_that_starts_shortens_the_pause(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_watch, "_GROWTH", 1e9)
    monkeypatch.setattr(port_watch, "LONGEST_PAUSE", 3600.0)
    watched.watch.stir()
    await watched.looked(2)  # the next look is in an hour
    watched.watch.stir()
    await watched.looked(2)


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_a_command_is_told_on_one_line_that_no_terminal_obeys(command: list[bytes]) -> None:
    async def tell() -> Event:
        watched = Watched()
        watched.ports = [replace(WEB, command=tuple(command))]
        watched.watch.stir()
        try:
            await watched.looked(1)
            await asyncio.sleep(0)
            return watched.told[0]
        finally:
            watched.watch.stop()

    told = asyncio.run(tell()).data["command"]
    assert isinstance(told, str)
    unsafe: Callable[[str], bool] = lambda character: character < " " and character != "\t"  # noqa: E731
    assert not any(unsafe(character) for character in told)
