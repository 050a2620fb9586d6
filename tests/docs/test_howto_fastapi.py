"""The FastAPI app of its page, as it stands, under uvicorn."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from compatibility.packages import layer
from docs.document import blocks, read
from e2e.server_process import clean_environment
from e2e.waiting import wait_until

pytestmark = pytest.mark.sandbox

_LISTENING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:[0-9]+)")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[str]:
    """Where it listens."""
    (block,) = [
        each for each in blocks(read("docs/howto/fastapi.md"), "python") if each.text.startswith("# app.py\n")
    ]
    (tmp_path / "app.py").write_text(block.text)
    environment = clean_environment(
        PYTHONPATH=os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), "src"]),
        HATCHWAY_PORT="0",
        HATCHWAY_DATA_DIR=str(tmp_path / "data"),
    )
    # FastAPI is among the packages of the compatibility tests, which are installed beside ours.
    fastapi = layer() / "local/lib/compatibility/python"
    program = f"import sys; sys.path.append({str(fastapi)!r}); import uvicorn; uvicorn.run('app:app', port=0)"
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, stderr=output, stdout=output
        )
    try:
        wait_until(
            lambda: _LISTENING.search(said.read_text()) is not None or process.poll() is not None,
            "the app listens",
            30,
        )
        found = _LISTENING.search(said.read_text())
        assert found is not None, said.read_text()
        yield found[1]
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert "Traceback" not in said.read_text()
    finally:
        process.kill()
        process.wait()


def test_the_app_works(app: str) -> None:
    text = {"Content-Type": "text/plain"}
    with httpx.Client(base_url=app, trust_env=False, timeout=30) as http:
        ran = http.post("/users/ann/run", content="id -un; exit 3", headers=text)
        assert ran.json() == {"exit_code": 3, "stdout": "root\n", "stderr": ""}
        script = "require('http').createServer((q, s) => s.end('published')).listen(3000)"
        url = httpx.URL(http.put("/users/ann/app", content=script, headers=text).json()["url"])
        # The resolver of this machine need not know names below localhost, as browsers do.
        page = http.get(f"http://127.0.0.1:{url.port}/", headers={"Host": url.netloc.decode()})
        assert page.text == "published"
        refused = http.post("/users/" + "x" * 200 + "/run", content="true", headers=text)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_key")
        assert http.delete("/users/ann").status_code == 200
        assert (
            http.get(f"http://127.0.0.1:{url.port}/", headers={"Host": url.netloc.decode()}).status_code
            == 403
        )
