from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.rivet import bounds
from hatchway.errors import InvalidRequest

texts = st.text(st.sampled_from('a,[{:"\\\n\0é'), max_size=10)
trees = st.recursive(
    st.none() | texts | st.integers(-(2**63), 2**63),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


def count(value: Any) -> int:
    """The values in a tree, names among them."""
    if isinstance(value, list):
        return 1 + sum(map(count, value))
    if isinstance(value, dict):
        return 1 + sum(1 + count(each) for each in value.values())
    return 1


def is_refused(check: Any, data: bytes) -> bool:
    try:
        check(data)
    except InvalidRequest as error:
        if error.code != "too_many_values":
            raise
        return True
    return False


@pytest.fixture(autouse=True, scope="module")
def few() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "MAX_VALUES", 8)
        yield


@given(trees)
def test_values_in_cbor_are_counted(value: Any) -> None:
    assert is_refused(bounds.check_cbor, cbor2.dumps(value)) == (count(value) > 8)


@given(trees)
def test_values_in_json_are_counted_but_not_what_is_in_text(value: Any) -> None:
    for data in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()):
        if is_refused(bounds.check_json, data):
            assert count(value) > 4  # a mark for each but the last of an array, and one for the array
        else:
            assert count(value) <= 2 * 8 + 2


@given(st.binary(max_size=60))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    is_refused(bounds.check_json, data)
    is_refused(bounds.check_cbor, data)


@pytest.mark.parametrize(
    "data", [b'"' + b'\\"' * 10**6, b'"' * 17, b'"' + b"\\" * 10**6, b'[1,"' + b"," * 10**6]
)
def test_text_without_an_end_is_left_to_the_parser(data: bytes) -> None:
    assert not is_refused(bounds.check_json, data)
