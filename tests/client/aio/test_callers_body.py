from __future__ import annotations

import pytest

from hatchway.client.aio.callers_body import content
from hatchway.errors import InvalidRequest


def test_what_is_there_as_a_whole() -> None:
    assert content("ü") == "ü".encode()
    assert content(memoryview(b"x")) == b"x"


@pytest.mark.parametrize("body", [1, "\ud800", None, object()])
def test_what_is_no_body(body: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(body)
    assert caught.value.code == "invalid_body"
