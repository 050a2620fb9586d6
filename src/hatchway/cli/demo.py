"""`hatchway demo`: see it all happen, on a server of its own."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from hatchway.cli.demo_steps import show
from hatchway.cli.narrator import Narrator
from hatchway.cli.registry_loader import default_registry
from hatchway.cli.terminal import out
from hatchway.client import AsyncClient
from hatchway.server.settings import Settings


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up until Ctrl-C, for a browser to look at.")
    ] = False,
) -> None:
    """Start a server, run a web server in a VM, fetch from it, preview it, revoke it: with real answers."""
    import uvloop

    with tempfile.TemporaryDirectory(prefix="hatchway-demo-", ignore_cleanup_errors=True) as folder:
        uvloop.run(_demo(Path(folder), keep=keep))


async def _demo(folder: Path, *, keep: bool) -> None:
    from hatchway.server.server import running

    narrator = Narrator(out())
    narrator.title("Hatchway: networking and previews, for real")
    # Open to this machine only, and nothing of the environment: that is for other servers.
    settings = Settings(port=0, data_dir=folder)
    async with AsyncExitStack() as stack:
        with narrator.step("Start a server", "registry.start()"):
            server = await stack.enter_async_context(running(default_registry().kinds, settings))
            narrator.answer(server.url)
        client = await stack.enter_async_context(AsyncClient(server.url))
        preview = await show(narrator, client)
        url = Text.assemble(("    ", ""), (preview.url, "bold underline"))
        if keep:
            narrator.closing(Text("Open it in your browser; Ctrl-C ends the demo:"), url)
            await _interrupted()
        else:
            narrator.closing(
                Text("It worked while the demo ran; to open it in your browser: hatchway demo --keep"), url
            )
    narrator.closing(Text("Done: the server has stopped, and nothing of it is left.", style="green"))


async def _interrupted() -> None:
    """Wait for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in numbers:
        loop.remove_signal_handler(number)
