from __future__ import annotations

import pytest

from hatchway.cli.each import about, for_each
from hatchway.errors import ConnectionFailed, NotFound


async def test_one_that_fails_is_told_by_its_name_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = []

    async def act(thing: str) -> None:
        if thing == "b":
            raise NotFound("file_not_found", "it is not there", "look")
        done.append(thing)

    assert await for_each(["a", "b", "c"], act, "the {}".format) == 1
    assert done == ["a", "c"]
    assert capsys.readouterr() == ("", "error: the b: it is not there\n hint: look\n")
    assert await for_each(["a"], act) == 0
    assert await for_each([], act) == 0


def test_what_an_error_is_about_is_said_once() -> None:
    for name, message, told in [
        ("a", "it is not there", "a: it is not there"),
        ("a", "a: it is not there", "a: it is not there"),
        ("my-agent:", "it is not there", "my-agent: it is not there"),
    ]:
        assert about(name, NotFound("file_not_found", message, "look")).message == told


async def test_a_connection_that_failed_ends_it() -> None:
    asked = []

    async def act(thing: int) -> None:
        asked.append(thing)
        raise ConnectionFailed("connection_lost", "it broke off")

    with pytest.raises(ConnectionFailed):
        await for_each([1, 2], act)
    assert asked == [1]
