from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import Unavailable
from hatchway.software.manifest import Package
from hatchway.software.pip_report import read_report
from hatchway.software.refusals import Wanted

WANTED = Wanted("mine", "tool==1", "Python package index")


def entry(name: str, archive: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "version": "1.0", "summary": "something"}
    return {"metadata": metadata, "download_info": {"url": "https://x/", "archive_info": archive}} | more


def report(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"version": "1", "pip_version": "23.1", "install": entries}).encode()


def test_what_was_installed() -> None:
    older, newer = {"hash": "sha256=aa"}, {"hash": "sha256=bb", "hashes": {"sha256": "bb"}}
    chosen, packages = read_report(
        WANTED, report(entry("zebra", older), entry("Tool", newer, requested=True), entry("ant", older))
    )
    assert chosen == Package("Tool", "1.0", "sha256=bb")
    assert packages == (
        Package("ant", "1.0", "sha256=aa"),
        chosen,
        Package("zebra", "1.0", "sha256=aa"),
    )


@pytest.mark.parametrize("archive", [{}, {"hash": ""}, {"hashes": {}}, {"hashes": {"md5": "x"}}])
def test_what_has_no_hash(archive: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="gives no hash for below, which the software 'mine' needs"):
        read_report(
            WANTED, report(entry("tool", {"hash": "sha256=a"}, requested=True), entry("below", archive))
        )


@given(
    st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_what_is_no_report(data: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        read_report(WANTED, data)
    assert caught.value.code == "software_unavailable"
    with pytest.raises(Unavailable):
        read_report(WANTED, report(entry("tool", {"hash": "sha256=a"})))
