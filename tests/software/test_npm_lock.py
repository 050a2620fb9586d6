from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import Unavailable
from hatchway.software.manifest import Package
from hatchway.software.npm_lock import read_lock
from hatchway.software.refusals import Wanted

WANTED = Wanted("mine", "tool@1", "npm registry")
ENTRY = {"version": "1.0.0", "resolved": "https://example.org/tool.tgz", "integrity": "sha512-x"}


def lock(**entries: Any) -> bytes:
    return json.dumps({"lockfileVersion": 3, "packages": {"": {"name": "layer"}} | entries}).encode()


def test_packages_by_their_paths() -> None:
    read = read_lock(
        WANTED,
        lock(
            **{
                "node_modules/@scope/tool": ENTRY | {"license": "MIT", "bin": {"tool": "x"}},
                "node_modules/a/node_modules/b": ENTRY | {"optional": True},
                "node_modules/a/node_modules/@x/c": {"version": "3", "inBundle": True},
            }
        ),
    )
    assert read == {
        "node_modules/@scope/tool": Package("@scope/tool", "1.0.0", "sha512-x"),
        "node_modules/a/node_modules/b": Package("b", "1.0.0", "sha512-x"),
        "node_modules/a/node_modules/@x/c": Package("@x/c", "3", ""),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"integrity": ""},
        {"integrity": None},
        {"link": True},
        {"resolved": "git+ssh://git@example.org/x.git#00"},
        {"resolved": "file:../x"},
        {"resolved": "../x"},
        {"resolved": ""},
    ],
)
def test_what_npm_would_not_check(change: dict[str, Any]) -> None:
    entry = {name: value for name, value in (ENTRY | change).items() if value is not None}
    with pytest.raises(Unavailable) as caught:
        read_lock(WANTED, lock(**{"node_modules/tool": ENTRY, "node_modules/below": entry}))
    assert caught.value.code == "software_unavailable"
    assert caught.value.message == (
        "the npm registry gives no hash for below, which the software 'mine' needs"
    )


@pytest.mark.parametrize(
    "source",
    [
        "https://example.org/x.tgz",
        "git+ssh://git@example.org/x",
        "someone/repository",
        "file:../x",
        "../x",
        "~/x",
        "x\n/y",
    ],
)
@pytest.mark.parametrize("kind", ["dependencies", "optionalDependencies", "peerDependencies"])
def test_a_dependency_from_elsewhere_has_no_hash_of_the_registry(kind: str, source: str) -> None:
    fine = {"one": "npm:@scope/other@^1 || 2", "two": "^1 - 2"}
    assert read_lock(WANTED, lock(**{"node_modules/tool": ENTRY | {kind: fine}}))
    with pytest.raises(Unavailable, match="gives no hash for below, which the software 'mine' needs"):
        read_lock(WANTED, lock(**{"node_modules/tool": ENTRY | {kind: fine | {"below": source}}}))


@given(
    st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_what_is_no_lock(data: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        read_lock(WANTED, data)
    assert caught.value.code == "software_unavailable"
