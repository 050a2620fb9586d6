from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hatchway.cli.locations import InVm, Local, Stream, format_location, parse_location
from hatchway.vm.key import format_key, unformat_key


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("-", Stream()),
        ("file", Local("file")),
        ("folder/file", Local("folder/file")),
        ("my-agent:/etc/hosts", InVm("my-agent", "/etc/hosts")),
        ("my-agent:", InVm("my-agent", "")),
        ("team/agent:notes.txt", InVm("team/agent", "notes.txt")),
        ("a:b:c", InVm("a", "b:c")),
        ("./a:b", Local("./a:b")),
        ("../a:b", Local("../a:b")),
        ("/a:b", Local("/a:b")),
        (".", Local(".")),
        ("", Local("")),
        (".hidden:x", InVm(".hidden", "x")),
        ("with\\:colon:x", InVm("with:colon", "x")),
        ("team\\/a:x", InVm("team\\/a", "x")),
        ("back\\\\:x", InVm("back\\\\", "x")),
        ("back\\\\\\:more:x", InVm("back\\\\:more", "x")),
        ("a\\:b", Local("a\\:b")),
        (":x", InVm("", "x")),
        ("line\nbreak:x\ny", InVm("line\nbreak", "x\ny")),
    ],
)
def test_what_a_text_names(text: str, location: object) -> None:
    assert parse_location(text) == location


@given(st.lists(st.text("ab/\\:.-\n ü", max_size=5), min_size=1, max_size=3), st.text())
def test_every_key_and_path_can_be_written(parts: list[str], path: str) -> None:
    key = format_key(tuple(parts))
    assume(not key.startswith(("/", "./", "../")))
    location = parse_location(format_location(InVm(key, path)))
    assert location == InVm(key, path)
    assert isinstance(location, InVm)
    assert unformat_key(location.key) == tuple(parts)


@given(st.text("ab/\\:.- "))
def test_every_local_path_can_be_written(path: str) -> None:
    location = parse_location(format_location(Local(path)))
    assert isinstance(location, Local)
    assert location.path in {path, f"./{path}"}


@given(st.text())
def test_every_text_names_something_and_says_so_again(text: str) -> None:
    location = parse_location(text)
    assert parse_location(format_location(location)) == location
