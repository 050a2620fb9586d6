"""The code blocks of the page that the project grew from, run as they stand there.

The folder `snippets` has each block that differs, word for word; only the ends of lines, which the page's text has
lost, are put back. Those named `server…` are the other system's own server, and are not run.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from rivet.npm_client import node_command

FOLDER = Path(__file__).with_name("snippets")
CLIENTS = ("fetch", "fetch_with_options", "create_preview", "revoke_preview")
SERVERS = ("server", "server_with_preview")
ENDPOINT = "http://localhost:6420"
"""What the blocks have, and all of them that is replaced."""

RUN_SECONDS = 60.0

_STRIP = """
import { readFileSync } from "node:fs";
import { transform } from "sucrase";
const options = { transforms: ["typescript"], disableESTransforms: true };
process.stdout.write(transform(readFileSync(0, "utf8"), options).code);
"""


def text(name: str) -> str:
    """The TypeScript of a block."""
    return (FOLDER / f"{name}.ts").read_text()


async def compiled(source: str, folder: Path) -> str:
    """TypeScript without its types, and without what is imported for these alone.

    Args:
        source: a module in TypeScript.
        folder: with the installed packages.
    """
    code, stdout, stderr = await _node(_STRIP, source, folder)
    assert code == 0, stderr
    return stdout


async def run(name: str, folder: Path, endpoint: str) -> tuple[int, str, str]:
    """Run a block of `CLIENTS` to its end.

    Args:
        name: of the block.
        folder: with the installed packages.
        endpoint: the URL of a server, which takes the place of `ENDPOINT`.

    Returns:
        The exit code, and what was written to stdout and to stderr.

    Raises:
        TimeoutError: it did not end within `RUN_SECONDS`.
    """
    source = text(name)
    assert source.count(ENDPOINT) == 1
    return await _node(await compiled(source.replace(ENDPOINT, endpoint), folder), "", folder)


async def _node(module: str, stdin: str, folder: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(node_command(), "--input-type=module", "--eval", module),
        cwd=folder,  # where its imports are found
        env={"PATH": os.environ.get("PATH", "")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            stdout, stderr = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, stdout.decode(), stderr.decode()
