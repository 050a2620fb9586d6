"""The lines that a list comes as: whole, byte by byte, and when they are something else."""

from __future__ import annotations

import json
import os
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.file_schemas import EntryLine
from hatchway.client.file_answers import DirEntry, FileType
from hatchway.client.listing_stream import End, EventParser, Failure, parse_line
from hatchway.client.problems import Problem
from hatchway.errors import HatchwayError
from hatchway.vm.records import FileEntry

entries = st.builds(
    FileEntry, st.binary(min_size=1), st.sampled_from(get_args(FileType)), st.integers(0, 2**63 - 1)
)


@given(st.lists(entries, max_size=5), st.integers(1, 50))
def test_names_come_through_as_they_are(listed: list[FileEntry], step: int) -> None:
    data = b"".join(msgspec.json.encode(EntryLine.of(entry)) + b"\n" for entry in listed)
    parser = EventParser()
    found = [
        event for start in range(0, len(data), step) for event in parser.feed(data[start : start + step])
    ]
    assert found == [DirEntry(os.fsdecode(entry.path), entry.kind, entry.size) for entry in listed]
    # What is given back names the same file again.
    assert [os.fsencode(event.path) for event in found if isinstance(event, DirEntry)] == [
        entry.path for entry in listed
    ]


def test_how_it_ends() -> None:
    assert parse_line(b'{"end":true,"entries":3,"unreadable":1}') == End(3, 1)
    problem = {"code": "vm_stopped", "message": "m", "hint": "h"}
    failure = parse_line(json.dumps({"error": problem}).encode())
    assert isinstance(failure, Failure)
    assert failure.error == Problem("vm_stopped", "m", "h")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"path":"a"}',
        b'{"type":"file","size":1}',
        b'{"path":"a","type":"folder","size":1}',
        b'{"path":1,"type":"file","size":1}',
        b'{"path":"a","type":"file","size":"1"}',
        b'{"path":"a","type":"file","size":1,"path_base64":"!"}',
        b'{"end":false}',
        b'{"error":{}}',
        b"[" * 100_000,
    ],
)
def test_other_lines(line: bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_line(line)
    assert caught.value.code == "unexpected_answer"


@given(st.binary(max_size=100))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    try:
        parse_line(line)
    except HatchwayError as error:
        if error.code != "unexpected_answer":
            raise
