from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hatchway.store.database import Database
from hatchway.store.store import Store


@pytest.fixture
def clock() -> SimpleNamespace:
    """Time that moves only when a test sets `now`."""
    return SimpleNamespace(now=1_000_000.0)


@pytest.fixture
async def store(tmp_path: Path, clock: SimpleNamespace) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "data", lambda: float(clock.now))
    yield opened
    await opened.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "hatchway.db")
    yield opened
    await opened.close()
