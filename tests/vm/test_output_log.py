"""Kept output: held against the plain list of all bytes that were ever written."""

from __future__ import annotations

import sys
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.output_log import MAX_PIECES, SEGMENT_BYTES, OutputLog, OutputLogs
from hatchway.vm.records import DroppedOutput, KeptOutput, StreamName

STREAMS: list[StreamName] = ["stdout", "stderr"]
pieces = st.tuples(st.sampled_from(STREAMS), st.binary(max_size=20))
Pieces = list[tuple[StreamName, bytes]]
Bytes = list[tuple[StreamName, int]]


def _log(written: Pieces, limit: int, segment_bytes: int) -> tuple[OutputLog, Bytes]:
    log = OutputLog(limit, segment_bytes)
    model: Bytes = []
    for stream, data in written:
        log.add(stream, data)
        model += [(stream, byte) for byte in data]
    return log, model


def _bytes_of(read: list[KeptOutput | DroppedOutput]) -> Bytes:
    return [(piece.stream, byte) for piece in read if isinstance(piece, KeptOutput) for byte in piece.data]


@given(st.lists(pieces), st.integers(1, 60), st.integers(1, 30), st.integers(0, 400), st.integers(1, 100))
def test_what_is_read_is_what_was_written(
    written: Pieces, limit: int, segment_bytes: int, offset: int, most: int
) -> None:
    log, model = _log(written, limit, segment_bytes)
    assert (log.end, log.start) == (len(model), max(0, len(model) - limit))
    assert log.kept == log.end - log.start
    offset = min(offset, log.end)
    read = log.read(offset, most)
    begin = max(offset, log.start)
    assert _bytes_of(read) == model[begin : begin + most]
    if offset < log.start:
        assert read[0] == DroppedOutput(log.start - offset, log.start)
    for piece in read:
        assert piece.offset == begin
        assert isinstance(piece, DroppedOutput) == (piece is read[0] and offset < log.start)
        assert not isinstance(piece, KeptOutput) or piece.data
        begin = piece.next_offset


@given(st.lists(pieces), st.integers(1, 60), st.integers(1, 30), st.integers(1, 7))
def test_reading_on_from_where_reading_stopped_misses_nothing_and_repeats_nothing(
    written: Pieces, limit: int, segment_bytes: int, most: int
) -> None:
    log = OutputLog(limit, segment_bytes)
    model: Bytes = []
    offset = 0
    for stream, data in written:  # a reader that reads a little between any two pieces
        log.add(stream, data)
        model += [(stream, byte) for byte in data]
        for piece in log.read(offset, most):
            if isinstance(piece, DroppedOutput):
                assert piece.offset - offset == piece.dropped_bytes > 0
            else:
                assert piece.offset == offset
                assert model[offset : piece.next_offset] == [(piece.stream, byte) for byte in piece.data]
            offset = piece.next_offset
    while read := log.read(offset, most):
        offset = read[-1].next_offset
    assert offset == len(model)


@given(st.lists(pieces), st.integers(1, 60), st.integers(1, 30), st.integers(1, 80))
def test_the_end_of_one_stream(written: Pieces, limit: int, segment_bytes: int, most: int) -> None:
    log, model = _log(written, limit, segment_bytes)
    for stream in STREAMS:
        kept = bytes(byte for name, byte in model[log.start :] if name == stream)
        every = bytes(byte for name, byte in model if name == stream)
        data, whole = log.tail(stream, most)
        assert data == kept[-most:]
        assert whole == (data == every)


def test_the_smallest_pieces_do_not_come_by_the_thousand() -> None:
    log = OutputLog()
    for number in range(3 * MAX_PIECES):
        log.add(STREAMS[number % 2], b"x")
    read = log.read(0, 1_000_000)
    assert len(read) == MAX_PIECES
    assert len(log.read(read[-1].next_offset, 1_000_000)) == MAX_PIECES


def _memory(log: OutputLog) -> int:
    """Bytes of a log's segments, as CPython counts them."""
    return sum(
        sys.getsizeof(each) + sys.getsizeof(each.data) + sys.getsizeof(each._ends) for each in log._segments
    )


def test_memory_is_bounded_however_the_output_comes() -> None:
    limit = 128 * 1024
    for piece in (b"x", b"a line\n", bytes(64 * 1024)):
        for change in (False, True):
            log = OutputLog(limit)
            for number in range(3 * limit // len(piece)):
                log.add(STREAMS[number % 2 if change else 0], piece)
            assert log.kept == limit
            overhead = 4 if len(piece) == 1 and change else 2
            assert _memory(log) <= overhead * (limit + SEGMENT_BYTES)


Step = tuple[Literal["open", "add", "end", "forget"], int, int]
steps = st.tuples(st.sampled_from(["open", "add", "end", "forget"]), st.integers(0, 9), st.integers(0, 50))


@given(st.lists(steps, max_size=60), st.integers(1, 120))
def test_all_logs_together_keep_no_more_than_the_budget(taken: list[Step], budget: int) -> None:
    logs = OutputLogs(budget)
    running: list[OutputLog] = []
    ended: list[OutputLog] = []
    written: dict[OutputLog, int] = {}
    in_order = True
    for action, which, size in taken:
        if action == "open":
            running.append(OutputLog(limit=40, segment_bytes=8))
            written[running[-1]] = 0
            logs.open(running[-1])
        elif action == "add" and running + ended:
            log = (running + ended)[which % len(running + ended)]
            before = {each: each.kept for each in ended}
            logs.add(log, "stdout", bytes(size))
            written[log] += size
            in_order = in_order and log not in ended  # what it left running wrote: who was first is open now
            if in_order:
                # Whoever ended first has lost all before another that has ended loses any.
                losers = [index for index, each in enumerate(ended) if each.kept < before[each]]
                assert not any(each.kept for each in ended[: max(losers, default=0)])
            # And those that run lose none to others while one that has ended has any.
            if log in running and any(each.kept for each in ended):
                assert log.kept >= min(size, 40)
        elif action == "end" and running:
            ended.append(running.pop(which % len(running)))
            logs.end(ended[-1])
        elif action == "forget" and running + ended:
            log = (running + ended)[which % len(running + ended)]
            logs.forget(log)
            assert log.kept == 0
            for place in (running, ended):
                if log in place:
                    place.remove(log)
            del written[log]
        assert logs.kept == sum(each.kept for each in running + ended) <= budget
        assert {each: each.end for each in running + ended} == written  # what was dropped is counted


def test_of_those_that_run_the_loudest_pays() -> None:
    logs = OutputLogs(1000)
    quiet, loud = OutputLog(2000), OutputLog(2000)
    for log in (quiet, loud):
        logs.open(log)
    logs.add(quiet, "stdout", bytes(100))
    for _ in range(50):
        logs.add(loud, "stdout", bytes(100))
    assert quiet.kept == 100
    assert 700 <= loud.kept <= 900
