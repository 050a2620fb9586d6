from __future__ import annotations

import httpx
import pytest

from compatibility.app import NODE_MODULES, NUMBERS, WRITE_NUMBERS, App, Running

pytestmark = pytest.mark.sandbox

APP = App(
    tool="Express",
    folder="express",
    port=3000,
    prepare=(WRITE_NUMBERS, ("mkdir", "public"), ("mv", "numbers.txt", "public")),
    command=("node", "server.js"),
    version=("node", "-p", f"require('{NODE_MODULES}/express/package.json').version"),
    locked_as="npm:express",
)


async def test_forms_redirects_cookies_errors(running: Running, http: httpx.AsyncClient) -> None:
    """JSON and forms, a redirect back to the page before, a cookie for its domain, an error page of its own."""
    own = running.preview.url
    assert (await http.get("")).json() == {"hostname": "localhost", "protocol": "http"}
    assert (await http.post("form", json={"a": [1]})).json() == {"a": [1]}
    assert (await http.post("form", data={"a": "ü &"})).json() == {"a": "ü &"}
    back = await http.get("back", headers={"Referer": f"{own}page?x=1"})
    assert (back.status_code, back.headers["location"]) == (302, f"{own}page?x=1")
    assert (await http.get("cookie")).headers["set-cookie"] == "a=b; Path=/"
    failed = await http.get("fail")
    assert failed.status_code == 500
    assert "of the app&#39;s own" in failed.text
    assert "hatchway-error" not in failed.headers


async def test_static_files(http: httpx.AsyncClient) -> None:
    """Static files: 304 by `ETag` and by date, ranges, 416, `HEAD`, 404."""
    whole = await http.get("static/numbers.txt")
    assert (whole.status_code, whole.content) == (200, NUMBERS)
    for field, value in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")):
        unchanged = await http.get("static/numbers.txt", headers={field: whole.headers[value]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    part = await http.get("static/numbers.txt", headers={"Range": "bytes=-20"})
    assert (part.status_code, part.content) == (206, NUMBERS[-20:])
    assert part.headers["content-range"] == "bytes 9980-9999/10000"
    assert (await http.get("static/numbers.txt", headers={"Range": "bytes=10000-"})).status_code == 416
    head = await http.head("static/numbers.txt")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10000", b"")
    assert (await http.get("static/none.txt")).status_code == 404
