"""What a worker says, read from pipes that the test itself writes to: whatever it is, the server is not taken in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from archive.trees import fd_count
from hatchway.archive.member import ArchiveError
from hatchway.errors import HatchwayError, Unavailable
from hatchway.vm import file_archive, file_listing, file_tree
from hatchway.vm.guest_stream import begin_work, worker_of
from hatchway.vm.records import FileEntry, ListingEnd
from hatchway.vm.sandbox import frames, wire
from hatchway.vm.sandbox.channel import Channel
from hatchway.vm.sandbox.frames import encode_entry, encode_frame


class Guest:
    """A guest init that answers as the test says."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.requests: list[dict[str, object]] = []

    async def hear(self) -> dict[str, object]:
        data = await asyncio.get_running_loop().sock_recv(self._sock, wire.MAX_MESSAGE_BYTES)
        self.requests.append(json.loads(data))
        return self.requests[-1]

    def say(self, request: dict[str, object], fds: tuple[int, ...] = (), **fields: object) -> None:
        answer = {"op": "done", "id": request["id"], **fields}
        socket.send_fds(self._sock, [json.dumps(answer).encode()], list(fds))

    async def answer_with(self, said: bytes) -> None:
        """Answer a request with a pipe that holds `said` and then ends, and what is asked after it plainly."""
        read, write = os.pipe()
        request = await self.hear()
        self.say(request, (read,))
        os.close(read)
        os.set_blocking(write, False)
        view = memoryview(said)
        while view:
            try:
                view = view[os.write(write, view) :]
            except BlockingIOError:
                await asyncio.sleep(0)
            except BrokenPipeError:
                break
        os.close(write)
        self.say(await self.hear(), kind="directory")


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Channel, Guest]]:
    before = fd_count()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    channel = Channel(ours, lambda _pid, _status: None)
    yield channel, Guest(theirs)
    theirs.close()
    channel.kill()
    await channel.wait_ended()
    assert fd_count() == before


Pair = tuple[Channel, Guest]


async def answered(guest: Guest, said: bytes, call: Awaitable[object]) -> object:
    """What a call comes to when a worker says this."""
    answering = asyncio.ensure_future(guest.answer_with(said))
    try:
        return await call
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def listed(channel: Channel) -> list[FileEntry | ListingEnd]:
    found: list[FileEntry | ListingEnd] = []
    async with file_listing.list_folder(channel, b"/x", None, []) as entries:
        async for told in entries:
            found += told if isinstance(told, list) else [told]
    return found


async def archived(channel: Channel) -> bytes:
    async with file_archive.archive(channel, b"/x") as pieces:
        return b"".join([piece async for piece in pieces])


async def removed(channel: Channel) -> None:
    await file_tree.delete(channel, b"/x", recursive=True)


ENTRY = encode_frame(b"L", encode_entry("file", 7, b"a\xff"))
END = encode_frame(b"E", b'{"entries":1,"unreadable":2}')


async def test_a_list(pair: Pair) -> None:
    channel, guest = pair
    assert await answered(guest, ENTRY + END, listed(channel)) == [
        FileEntry(b"a\xff", "file", 7),
        ListingEnd(1, 2),
    ]
    assert guest.requests[0]["path"] == "/x"


async def test_an_archive(pair: Pair) -> None:
    channel, guest = pair
    pieces = [os.urandom(100_000) for _ in range(20)]
    said = b"".join(encode_frame(b"D", piece) for piece in pieces) + encode_frame(b"E", b"{}")
    assert await answered(guest, said, archived(channel)) == b"".join(pieces)


WRONG = {
    "nothing": b"",
    "half a frame": ENTRY[:-1],
    "no end": ENTRY,
    "noise": os.urandom(3) * 5 + b"z" * 300,
    "too long": b"L" + b"\xff" * 4,
    "an empty list": encode_frame(b"L", b"") + END,
    "an entry that leads out": encode_frame(b"L", encode_entry("file", 1, b"../x")) + END,
    "an absolute entry": encode_frame(b"L", encode_entry("file", 1, b"/etc/passwd")) + END,
    "another frame": encode_frame(b"D", b"data") + END,
    "another count": ENTRY + ENTRY + END,
    "an end that is no JSON": ENTRY + encode_frame(b"E", b"\xff{"),
    "an end of other types": ENTRY + encode_frame(b"E", b'{"entries":"1"}'),
    "a negative count": ENTRY + encode_frame(b"E", b'{"entries":1,"unreadable":-1}'),
    "a number without bound": ENTRY + encode_frame(b"E", b'{"entries":' + b"9" * 400 + b"}"),
    "a failure that is none": encode_frame(b"X", b"[]"),
    "a failure of other types": encode_frame(b"X", b'{"errno":"a","what":1,"fault":"","done":[]}'),
}


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
async def test_what_no_worker_of_ours_says(pair: Pair, said: bytes) -> None:
    channel, guest = pair
    with pytest.raises(Unavailable) as caught:
        await answered(guest, said, listed(channel))
    assert caught.value.code == "vm_failed"


@pytest.mark.parametrize("call", [archived, removed])
@pytest.mark.parametrize(
    "said",
    [
        ENTRY,
        encode_frame(b"D", b"") + encode_frame(b"E", b"{}"),
        encode_frame(b"E", b"[1]"),
        encode_frame(b"E", b'"text"'),
        b"",
        b"\0" * 100,
    ],
)
async def test_archives_and_plain_ends_that_do_not_fit(
    pair: Pair, call: Callable[[Channel], Awaitable[object]], said: bytes
) -> None:
    channel, guest = pair
    with pytest.raises(Unavailable) as caught:
        await answered(guest, said, call(channel))
    assert caught.value.code == "vm_failed"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ({"errno": 28, "what": "", "fault": "", "done": []}, "storage_full"),
        ({"errno": 5, "what": "shrank", "fault": "", "done": []}, "file_changed"),
        ({"errno": 22, "what": "", "fault": "cut", "done": []}, "archive_cut_short"),
        ({"errno": 22, "what": "", "fault": "evil words", "done": []}, "invalid_path"),
        ({"errno": -1, "what": "evil words", "fault": "", "done": [1, 2, 3]}, "vm_failed"),
    ],
)
async def test_failures(pair: Pair, failure: dict[str, object], code: str) -> None:
    channel, guest = pair
    said = encode_frame(b"X", json.dumps(failure).encode())
    with pytest.raises(HatchwayError) as caught:
        await answered(guest, said, archived(channel))
    assert caught.value.code == code
    assert "evil" not in str(caught.value)


async def test_a_failed_unpacking_says_what_was_done(pair: Pair) -> None:
    channel, guest = pair
    to_us, from_worker = os.pipe()
    to_worker, from_us = os.pipe()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 1_000_000  # far more than a pipe holds

    unpacking = asyncio.ensure_future(file_archive.unpack(channel, b"/x", chunks()))
    guest.say(await guest.hear(), (to_us, from_us))
    os.close(to_us)
    os.close(from_us)
    assert await asyncio.to_thread(os.read, to_worker, 10) == b"x" * 10
    failure = {"errno": 22, "what": "", "fault": "name", "done": [3, 500]}
    os.write(from_worker, encode_frame(b"X", json.dumps(failure).encode()))
    os.close(to_worker)
    os.close(from_worker)
    with pytest.raises(ArchiveError) as caught:
        await unpacking
    assert caught.value.details == {"entries": 3, "bytes": 500}


async def test_descriptors_that_are_no_pipes_are_refused(pair: Pair) -> None:
    channel, guest = pair
    read, write = os.pipe()
    with open("/etc/hostname", "rb") as file, socket.socket() as sock:
        for fds in ((), (file.fileno(),), (sock.fileno(),), (write,), (read, read), (read, write)):
            listing = asyncio.ensure_future(listed(channel))
            guest.say(await guest.hear(), fds)
            with pytest.raises(Unavailable) as caught:
                await listing
            assert caught.value.code == "vm_failed"
    os.close(read)
    os.close(write)


async def test_leaving_lets_go_of_the_worker(pair: Pair) -> None:
    channel, guest = pair
    read, write = os.pipe()

    begun = asyncio.Event()

    async def work() -> None:
        async with begin_work(channel, "list") as worker:
            begun.set()
            await worker_of(worker).frame(frames.ENTRIES)

    working = asyncio.ensure_future(work())
    guest.say(await guest.hear(), (read,))
    os.close(read)
    await begun.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    with pytest.raises(BrokenPipeError):
        os.write(write, b"x")
    os.close(write)


async def test_a_call_that_is_cancelled_before_the_answer_lets_go_too(pair: Pair) -> None:
    channel, guest = pair
    listing = asyncio.ensure_future(listed(channel))
    request = await guest.hear()
    listing.cancel()
    await asyncio.gather(listing, return_exceptions=True)
    read, write = os.pipe()
    guest.say(request, (read,))
    os.close(read)
    after = asyncio.ensure_future(channel.request("stat"))
    guest.say(await guest.hear())
    await after
    with pytest.raises(BrokenPipeError):
        os.write(write, b"x")
    os.close(write)


async def test_nothing_is_read_that_nobody_asks_for(pair: Pair) -> None:
    channel, guest = pair
    read, write = os.pipe()
    os.set_blocking(write, False)
    listing = file_listing.list_folder(channel, b"/x", None, [])
    entering = asyncio.ensure_future(listing.__aenter__())
    guest.say(await guest.hear(), (read,))
    os.close(read)
    entries = await entering
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent <= 1 << 20:
            sent += os.write(write, ENTRY)
    assert sent <= 1 << 20  # the pipe is full, and stays so
    assert await anext(entries) == [FileEntry(b"a\xff", "file", 7)]
    await listing.__aexit__(None, None, None)
    os.close(write)


async def test_an_answer_about_a_file_that_makes_no_sense(pair: Pair) -> None:
    channel, guest = pair
    good = {"kind": "file", "size": 1, "mode": 0o644, "uid": 0, "gid": 0, "mtime_ns": 10**30}
    for fields in ({"kind": "evil"}, {"size": -1}, {"mode": 0o10000}, {"target": "\u0100"}):
        asking = asyncio.ensure_future(file_tree.stat(channel, b"/x"))
        guest.say(await guest.hear(), (), **{**good, "mtime_ns": 0, **fields})
        with pytest.raises(Unavailable) as caught:
            await asking
        assert caught.value.code == "vm_failed"
    for mtime, expected in ((2**63 - 1, 9_223_372_036.854776), (-(2**63), -9_223_372_036.854776)):
        asking = asyncio.ensure_future(file_tree.stat(channel, b"/x"))
        guest.say(await guest.hear(), (), **{**good, "mtime_ns": mtime})
        assert (await asking).modified_at == expected
