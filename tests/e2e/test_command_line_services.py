"""`hatchway fetch` against a service in a real VM."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from e2e.command import Command

pytestmark = pytest.mark.sandbox


@pytest.fixture
def zoo(zoo_key: list[str]) -> str:
    """The key of the VM with the zoo, as it is typed."""
    return "/".join(zoo_key)


def test_a_service_is_fetched_from(hatchway: Command, zoo: str) -> None:
    ran = hatchway("fetch", zoo, "3000")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"zoo", b"")
    ran = hatchway(
        *("fetch", zoo, "3000", "/echo?a=%20b#c", "-X", "PATCH", "-H", "X-Own: ü", "-d", "@-"),
        stdin=b"\0\xff",
    )
    seen = json.loads(ran.stdout)
    assert (seen["method"], seen["url"], seen["body"]) == ("PATCH", "/echo?a=%20b", "AP8=")
    names = (name.lower() for name in seen["rawHeaders"][::2])
    headers = dict(zip(names, seen["rawHeaders"][1::2], strict=True))
    assert headers["host"] == "localhost:3000"
    assert headers["x-own"] == "ü"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert "hatchway-token" not in headers


def test_bodies_of_any_size_go_through(hatchway: Command, zoo: str, tmp_path: Path) -> None:
    size = 30_000_001
    got = tmp_path / "got"
    assert hatchway("fetch", zoo, "3000", f"/bytes?n={size}", "-o", str(got)).returncode == 0
    assert got.stat().st_size == size
    data = got.read_bytes()
    assert hatchway("fetch", zoo, "3000", f"/bytes?n={size}").stdout == data
    for source in (f"@{got}", "@-"):
        ran = hatchway("fetch", zoo, "3000", "/hash", "-d", source, stdin=data)
        assert json.loads(ran.stdout) == {"bytes": size, "sha256": hashlib.sha256(data).hexdigest()}


def test_what_comes_is_shown_at_once(hatchway: Command, zoo: str) -> None:
    with hatchway.start("fetch", zoo, "3000", "/events") as fetching:
        assert fetching.stdout is not None
        assert fetching.stdout.readline() == b"data: first\n"
        hatchway("fetch", zoo, "3000", "/finish")
        assert fetching.stdout.read() == b"\ndata: last\n\n"
    assert fetching.returncode == 0


def test_headers_redirects_and_failures(hatchway: Command, zoo: str) -> None:
    head = hatchway("fetch", zoo, "3000", "/cookies", "-i").stdout
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.count(b"\r\nSet-Cookie: ") == 3
    assert head.endswith(b"\r\n\r\n")
    ran = hatchway("fetch", zoo, "3000", "/redirect?to=/chunked", "-L")
    assert ran.stdout == b"one,two,three"
    ran = hatchway("fetch", zoo, "3000", "/status?code=503&reason=Busy", "-f")
    assert (ran.returncode, ran.stdout) == (22, b"")
    assert b"error: the service answered 503 Busy\n" in ran.stderr
    assert hatchway("fetch", zoo, "3000", "/status?code=503").returncode == 0


def test_a_port_on_which_nothing_listens_says_what_to_do(hatchway: Command, zoo: str) -> None:
    ran = hatchway("fetch", zoo, "3999")
    assert (ran.returncode, ran.stdout) == (1, b"")
    said = ran.stderr.decode()
    assert "error: nothing listens on port 3999 in" in said
    assert "hint: start a service there" in said


def test_a_visitor_that_leaves_is_noticed_quietly(hatchway: Command, zoo: str) -> None:
    ran = hatchway.first_byte("fetch", zoo, "3000", "/bytes?n=100000000")
    assert (ran.returncode, ran.stdout, ran.stderr) == (141, b"\0", b"")
