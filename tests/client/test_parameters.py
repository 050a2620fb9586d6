from __future__ import annotations

import base64
import json
import os
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client.parameters import (
    body_bytes,
    check_timeout,
    encode_json,
    exec_body,
    mode_query,
    path_query,
    preview_path,
    process_path,
    spawn_body,
    vm_query,
)
from hatchway.errors import InvalidRequest
from hatchway.vm.key import unformat_key


@given(st.binary())
def test_a_path_goes_byte_for_byte(path: bytes) -> None:
    query = path_query(path)
    assert query.isascii()
    assert not set(query) & set(" &#?+%\r\n") - {"%"}
    assert unquote_to_bytes(query.removeprefix("path=")) == path
    # The same path as Python's own os functions give it.
    assert path_query(os.fsdecode(path)) == query


@pytest.mark.parametrize("path", ["\ud800", None, 7])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        path_query(path)
    assert caught.value.code == "invalid_path"


def test_modes_are_octal() -> None:
    assert mode_query(None) == ""
    assert mode_query(0o755) == "&mode=755"
    assert mode_query(0) == "&mode=0"


@pytest.mark.parametrize("mode", [-1, 0o10000, True, "755"])
def test_what_is_no_mode(mode: object) -> None:
    with pytest.raises(InvalidRequest, match="mode"):
        mode_query(mode)


def test_process_paths() -> None:
    assert process_path(12, "stop") == "/processes/12/stop"
    with pytest.raises(InvalidRequest):
        process_path("12/../..", "stop")


def test_preview_paths() -> None:
    assert preview_path("0123456789abcdef0123", "renew") == "/previews/0123456789abcdef0123/renew"


@pytest.mark.parametrize(
    "preview_id", ["", "..", "0" * 19, "A" * 20, "a" * 32, "0" * 20 + "/", None, 7, b"0" * 20]
)
def test_what_is_no_id_of_a_preview(preview_id: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preview_path(preview_id, "expire")
    assert caught.value.code == "invalid_preview_id"
    assert "a" * 32 not in str(caught.value), "it may be a token"


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30), min_size=1, max_size=5
    )
)
def test_a_vm_is_asked_for_by_any_key(parts: list[str]) -> None:
    query = vm_query("vm", tuple(parts))
    assert query.isascii()
    assert query.count("&") == 1
    assert not set(query) & set(" #?+\r\n\\")
    text = unquote_to_bytes(query.removeprefix("name=vm&key=")).decode()
    assert unformat_key(text) == tuple(parts)


def test_bodies() -> None:
    assert body_bytes("ü") == "ü".encode()
    assert body_bytes(bytearray(b"x")) == body_bytes(memoryview(b"x")) == b"x"
    assert body_bytes(["x"]) is None


def test_text_that_is_no_unicode_is_no_body() -> None:
    with pytest.raises(InvalidRequest) as caught:
        body_bytes("\ud800")
    assert caught.value.code == "invalid_body"


def test_what_was_not_given_is_left_out() -> None:
    assert exec_body("ls", None, None, None, None) == {"command": "ls"}
    assert exec_body(("ls", "-l"), {"A": "b"}, "/", "in", 2) == {
        "command": ["ls", "-l"],
        "env": {"A": "b"},
        "cwd": "/",
        "stdin": "in",
        "timeout": 2.0,
    }
    assert spawn_body("node", (), {}, None) == {"command": "node", "args": []}
    assert spawn_body("node", "x.js", None, "/")["args"] == ["x.js"]


@given(st.binary())
def test_standard_input_in_bytes(stdin: bytes) -> None:
    assert base64.b64decode(exec_body("cat", None, None, stdin, None)["stdin_base64"]) == stdin


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "5"])
def test_what_is_no_timeout(timeout: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_timeout(timeout)
    assert caught.value.code == "invalid_timeout"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**63) | st.booleans()
    )
)
def test_json(value: dict[str, object]) -> None:
    assert json.loads(encode_json(value)) == value


@pytest.mark.parametrize("value", [object(), "\ud800", {1, object()}])
def test_what_json_cannot_say(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode_json({"value": value})
    assert caught.value.code == "invalid_value"
