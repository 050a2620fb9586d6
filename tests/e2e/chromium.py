"""Debian's Chromium, headless."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
MISSING = "Debian's chromium is not installed"

_ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Its own sandbox needs another user than root.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


@asynccontextmanager
async def launch(*arguments: str) -> AsyncIterator[Browser]:
    """A browser of its own, with more arguments if need be; closed at the end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*_ARGUMENTS, *arguments], headless=True
        )
        yield browser
        await browser.close()
