from __future__ import annotations

from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.query import parse_query
from hatchway.errors import HatchwayError


@given(st.binary())
def test_any_bytes_come_through(value: bytes) -> None:
    for text in (quote_from_bytes(value, safe=""), "".join(f"%{byte:02x}" for byte in value)):
        assert parse_query(b"path=" + text.encode(), {"path"}) == {"path": value}


@given(st.dictionaries(st.sampled_from(["path", "mode"]), st.binary()))
def test_what_the_standard_library_prints_is_read(values: dict[str, bytes]) -> None:
    assert parse_query(urlencode(values).encode(), {"path", "mode"}) == values


@given(st.binary())
def test_arbitrary_queries_are_read_or_refused(raw: bytes) -> None:
    code = ""
    try:
        assert set(parse_query(raw, {"path"})) <= {"path"}
    except HatchwayError as error:
        code = error.code
    assert code in {"", "invalid_query"}


def test_empty_parts_are_nothing() -> None:
    assert parse_query(b"", {"path"}) == {}
    assert parse_query(b"&&path=a&", {"path"}) == {"path": b"a"}
    assert parse_query(b"path", {"path"}) == {"path": b""}
    assert parse_query(b"path=a=b", {"path"}) == {"path": b"a=b"}
    assert parse_query(b"path=a+b%2Bc", {"path"}) == {"path": b"a b+c"}


@pytest.mark.parametrize(
    "raw", [b"other=1", b"path=a&path=b", b"path=%", b"path=%4", b"path=%zz", b"p%61th=a&path=b"]
)
def test_refusals(raw: bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_query(raw, {"path"})
    assert caught.value.code == "invalid_query"
