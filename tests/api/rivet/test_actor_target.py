from __future__ import annotations

from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.rivet.actor_target import ById, ByKey, credential, parse_actor
from hatchway.errors import InvalidRequest

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
"""What an API token may be."""
names = st.text("abcdefghij0123456789", min_size=1, max_size=20)
parts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=",\0"), min_size=1, max_size=5)
rests = st.sampled_from(["/action/exec", "/connect", "/request/p?x=1", "", "?x=y"])


@given(names, tokens, rests)
def test_a_token_in_the_path(name: str, token: str, rest: str) -> None:
    for written in (quote(token, safe=""), "".join(f"%{ord(each):02x}" for each in token)):
        for mark in ("@", "%40"):
            assert credential(f"/gateway/{name}{mark}{written}{rest}".encode()) == token.encode()
    assert parse_actor(f"{name}@{token}", b"") == ById(name)


@given(
    names,
    tokens,
    st.lists(parts, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(["action/exec", "connect"]),
)
def test_a_token_in_the_query(kind: str, token: str, key: list[str], create: bool, rest: str) -> None:
    query = urlencode(
        {
            "x": "1",
            "rvt-namespace": "default",
            "rvt-method": "getOrCreate" if create else "get",
            "rvt-key": ",".join(key),
            "rvt-token": token,
        }
    ).encode()
    assert credential(f"/gateway/{kind}/{rest}?".encode() + query) == token.encode()
    assert parse_actor(kind, query) == ByKey(kind, tuple(key), create)


@pytest.mark.parametrize(
    "target",
    [
        b"/gateway/vm/action/exec",
        b"/gateway/vm@/action/exec",
        b"/gateway/vm/action/a@b",
        b"/gateway/vm?x=a@b",
        b"/gateway/",
        b"/gateway",
        b"/",
        b"",
        b"*",
        b"/api/vms@secret",
        b"/api/vms?rvt-token=secret",
        b"/actors?rvt-token=secret",
        b"//gateway/vm@secret/",
        b"/gateway/vm/action/x?xrvt-token=secret",
        b"/gateway/vm/action/x?rvt-token",
    ],
)
def test_where_there_is_no_credential(target: bytes) -> None:
    assert credential(target) is None


@given(st.binary(max_size=40))
def test_any_target_has_an_answer(target: bytes) -> None:
    for each in (target, b"/gateway/" + target, b"/gateway/vm?rvt-token=" + target, b"/gateway/vm@" + target):
        found = credential(each)
        assert found is None or isinstance(found, bytes)


@given(st.text(st.characters(), max_size=20), st.binary(max_size=40))
def test_any_url_names_a_vm_or_is_refused(segment: str, query: bytes) -> None:
    for each in (query, b"rvt-method=get&rvt-key=" + query, b"rvt-method=" + query):
        try:
            found = parse_actor(segment, each)
        except InvalidRequest as error:
            if error.code not in {"invalid_actor_query", "invalid_key"}:
                raise
        else:
            assert isinstance(found, ByKey) == (b"rvt-method=get" in unquote(each).encode(errors="replace"))


@pytest.mark.parametrize("method", ["", "create", "GET", "getorcreate", "get,get", "\0"])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_actor("vm", urlencode({"rvt-method": method, "rvt-key": "k"}).encode())
    assert caught.value.code == "invalid_actor_query"


@pytest.mark.parametrize(
    "query", [b"rvt-method=get", b"rvt-method=get&rvt-key=", b"rvt-method=get&rvt-key=%00"]
)
def test_without_a_key_there_is_no_vm(query: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_actor("vm", query)
    assert caught.value.code == "invalid_key"


def test_as_real_clients_write() -> None:
    query = b"rvt-namespace=default&rvt-method=get&rvt-key=k%2Ca%2Fb%2C"
    assert parse_actor("vm", query) == ByKey("vm", ("k", "a/b", ""), False)
    query = b"rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=my-agent&rvt-crash-policy=sleep"
    assert parse_actor("vm", query) == ByKey("vm", ("my-agent",), True)
    assert parse_actor("abc", b"") == ById("abc")


@given(tokens)
def test_no_token_is_in_a_repr(token: str) -> None:
    assert repr(parse_actor(f"a@{token}", f"rvt-token={quote(token)}".encode())) == "ById(id='a')"
