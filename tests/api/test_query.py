from __future__ import annotations

from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.query import parse_query, read_flag
from hatchway.errors import HatchwayError


def once(raw: bytes, names: set[str]) -> dict[str, bytes]:
    found, lists = parse_query(raw, names)
    assert lists == {}
    return found


@given(st.binary())
def test_any_bytes_come_through(value: bytes) -> None:
    for text in (quote_from_bytes(value, safe=""), "".join(f"%{byte:02x}" for byte in value)):
        assert once(b"path=" + text.encode(), {"path"}) == {"path": value}


@given(st.dictionaries(st.sampled_from(["path", "mode"]), st.binary()))
def test_what_the_standard_library_prints_is_read(values: dict[str, bytes]) -> None:
    assert once(urlencode(values).encode(), {"path", "mode"}) == values


@given(st.binary())
def test_arbitrary_queries_are_read_or_refused(raw: bytes) -> None:
    code = ""
    try:
        assert set(once(raw, {"path"})) <= {"path"}
    except HatchwayError as error:
        code = error.code
    assert code in {"", "invalid_query"}


def test_empty_parts_are_nothing() -> None:
    assert once(b"", {"path"}) == {}
    assert once(b"&&path=a&", {"path"}) == {"path": b"a"}
    assert once(b"path", {"path"}) == {"path": b""}
    assert once(b"path=a=b", {"path"}) == {"path": b"a=b"}
    assert once(b"path=a+b%2Bc", {"path"}) == {"path": b"a b+c"}


@pytest.mark.parametrize(
    "raw", [b"other=1", b"path=a&path=b", b"path=%", b"path=%4", b"path=%zz", b"p%61th=a&path=b"]
)
def test_refusals(raw: bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_query(raw, {"path"})
    assert caught.value.code == "invalid_query"


@given(st.lists(st.binary()))
def test_what_may_be_there_more_than_once(values: list[bytes]) -> None:
    raw = "&".join(["path=x", *(f"exclude={quote_from_bytes(value, safe='')}" for value in values)]).encode()
    assert parse_query(raw, {"path", "exclude"}, {"exclude"}) == ({"path": b"x"}, {"exclude": values})


def test_flags() -> None:
    assert read_flag({}, "follow") is False
    assert read_flag({}, "follow", default=True) is True
    assert read_flag({"follow": b"true"}, "follow") is True
    assert read_flag({"follow": b"false"}, "follow", default=True) is False
    for value in (b"", b"1", b"True", b"yes"):
        with pytest.raises(HatchwayError) as caught:
            read_flag({"follow": value}, "follow")
        assert caught.value.code == "invalid_query"
