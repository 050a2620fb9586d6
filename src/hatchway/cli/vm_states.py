"""`hatchway vm wake|pause|sleep|idle`: the states of a VM. All of it happens by itself too."""

from __future__ import annotations

from typing import Annotated

import typer

from hatchway.cli.options import DEFAULT_KIND, DEFAULT_URL, KeyArgument, KindOption, UrlOption, with_existing
from hatchway.cli.terminal import say
from hatchway.client import Agent, VmInfo

NEVER = "never"


def wake(key: KeyArgument, kind: KindOption = DEFAULT_KIND, url: UrlOption = DEFAULT_URL) -> None:
    """Boot or resume a VM, and start its declared services."""
    say(with_existing(url, kind, key, lambda agent: agent.wake()).state)


def pause(key: KeyArgument, kind: KindOption = DEFAULT_KIND, url: UrlOption = DEFAULT_URL) -> None:
    """Freeze a VM that nobody uses; its next use lets it go on."""
    say(with_existing(url, kind, key, lambda agent: agent.pause()).state)


def sleep(key: KeyArgument, kind: KindOption = DEFAULT_KIND, url: UrlOption = DEFAULT_URL) -> None:
    """End a VM's processes and keep its disk; its next use boots it."""
    say(with_existing(url, kind, key, lambda agent: agent.sleep(), timeout=None).state)


def idle(
    key: KeyArgument,
    pause_after: Annotated[
        str | None, typer.Option("--pause-after", metavar="SECONDS", help="Until it is paused, or never.")
    ] = None,
    sleep_after: Annotated[
        str | None,
        typer.Option("--sleep-after", metavar="SECONDS", help="Until it is put to sleep, or never."),
    ] = None,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Show or set after how many seconds without use a VM is paused and put to sleep."""

    async def change(agent: Agent) -> VmInfo:
        info = await agent.info()
        if pause_after is None and sleep_after is None:
            return info
        return await agent.set_idle(
            pause_after=info.pause_after if pause_after is None else seconds(pause_after, "--pause-after"),
            sleep_after=info.sleep_after if sleep_after is None else seconds(sleep_after, "--sleep-after"),
        )

    info = with_existing(url, kind, key, change)
    say(f"pause after: {_shown(info.pause_after)}, sleep after: {_shown(info.sleep_after)}")


def seconds(text: str, option: str) -> float | None:
    """A number of seconds, or None for `never`. Pure.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text == NEVER:
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor {NEVER}", param_hint=option) from None


def _shown(value: float | None) -> str:
    return NEVER if value is None else f"{value:g} s"
