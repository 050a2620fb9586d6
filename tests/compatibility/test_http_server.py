from __future__ import annotations

import json

import httpx
import pytest

from compatibility.app import PYTHON, WRITE_NUMBERS, App, run
from hatchway import Agent

pytestmark = pytest.mark.sandbox

APP = App(
    tool="Python `http.server`",
    folder="http_server",
    port=8000,
    prepare=(WRITE_NUMBERS,),
    command=(PYTHON, "-m", "http.server"),
    version=(PYTHON, "--version"),
    locked_as=None,
)

_INSIDE = """
import json, sys, urllib.request
request = urllib.request.Request("http://localhost:8000/numbers.txt", headers={"Range": sys.argv[1]})
with urllib.request.urlopen(request) as answer:
    print(json.dumps([answer.status, answer.headers["Content-Range"], answer.read().decode()]))
"""


async def test_files_and_folders(http: httpx.AsyncClient) -> None:
    """A folder's listing, the redirect to its slash, a file, 304 by date, `HEAD`, 404."""
    listing = await http.get("")
    assert "below/" in listing.text
    moved = await http.get("below")
    assert (moved.status_code, moved.headers["location"]) == (301, "/below/")
    assert (await http.get("below/file.txt")).text == "in the folder below\n"
    since = {"If-Modified-Since": (await http.get("numbers.txt")).headers["last-modified"]}
    assert (await http.get("numbers.txt", headers=since)).status_code == 304
    head = await http.head("numbers.txt")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10000", b"")
    assert (await http.get("none.txt")).status_code == 404


@pytest.mark.parametrize("wanted", ["bytes=10-29", "bytes=-10", "bytes=0-9,20-29"])
async def test_range(agent: Agent, http: httpx.AsyncClient, wanted: str) -> None:
    """A request with `Range` is answered as it is to a client inside the VM (the whole file: it knows no ranges)."""
    status, content_range, body = json.loads(await run(agent, [PYTHON, "-c", _INSIDE, wanted]))
    answer = await http.get("numbers.txt", headers={"Range": wanted})
    assert (answer.status_code, answer.headers.get("content-range"), answer.text) == (
        status,
        content_range,
        body,
    )
    assert (status, len(body)) == (200, 10_000) or status == 206
