"""Every action of an agent, on real VMs. The synchronous client's tests in `e2e/sync` are generated from these."""

from __future__ import annotations

import pytest

from hatchway import Agent, AsyncClient


@pytest.fixture
def zoo(client: AsyncClient, zoo_key: list[str]) -> Agent:
    """A VM with a zoo on port 3000, shared: requests leave it as it was."""
    return client.vm.get_or_create(zoo_key)
