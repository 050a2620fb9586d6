from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import httpx
import pytest


async def start_demo(tmp_path: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hatchway", "demo", *arguments),
        env=os.environ | {"TMPDIR": str(tmp_path), "NO_COLOR": "1", "HATCHWAY_TOKEN": "of-another-server"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.sandbox
async def test_the_demo_for_real(tmp_path: Path) -> None:
    process = await start_demo(tmp_path)
    out, err = await process.communicate()
    told = out.decode()
    assert (process.returncode, err) == (0, b"")
    for line in (
        "→ 200 OK: Hello from VM",
        '→ {"method":"POST","received":{"key":"value"}}',
        "→ 204 No Content",
        "→ access-control-allow-origin: *",
        "→ the same URL now: 403 Forbidden",
        "→ another-agent, port 3000: Hello from another VM",
        "→ my-agent, port 3000: Hello from VM",
    ):
        assert line in told
    assert re.search(r"    http://[a-z0-9]{32}\.localhost:\d+/\n", told)
    assert os.listdir(tmp_path) == []


@pytest.mark.sandbox
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_demo_stays_up_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    process = await start_demo(tmp_path, "--keep")
    assert process.stdout is not None
    told = ""
    while "Open it in your browser" not in told:
        line = (await process.stdout.readline()).decode()
        assert line, told
        told += line
    url = httpx.URL((await process.stdout.readline()).decode().strip())
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(f"http://127.0.0.1:{url.port}/", headers={"Host": url.netloc.decode()})
    assert (page.status_code, page.text) == (200, "Hello from VM")
    process.send_signal(number)
    await process.communicate()
    assert process.returncode == 0
    assert os.listdir(tmp_path) == []
