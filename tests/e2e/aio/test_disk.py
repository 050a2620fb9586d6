"""What a VM's files take, and what nobody owns."""

from __future__ import annotations

import pytest

from hatchway import Agent, AsyncClient, NotFound

pytestmark = pytest.mark.sandbox

MIB = 1024**2


async def test_the_disk_of_a_vm(agent: Agent) -> None:
    assert (await agent.disk_usage()).bytes < MIB
    await agent.write_file("/home/user/file", bytes(3 * MIB))
    usage = await agent.disk_usage()
    assert 3 * MIB <= usage.bytes < 5 * MIB
    assert usage.limit is None


async def test_a_vm_that_there_is_not(client: AsyncClient, agent: Agent) -> None:
    await agent.disk_usage()
    found = await client.vm.get(list(agent.key))
    await agent.destroy()
    with pytest.raises(NotFound) as refused:
        await found.disk_usage()
    assert refused.value.code == "vm_not_found"


async def test_garbage_of_a_server_that_is_well(client: AsyncClient, agent: Agent) -> None:
    await agent.write_file("/home/user/file", b"kept")
    assert await client.collect_garbage(dry_run=True) == []
    await client.collect_garbage()
    assert (await agent.read_file("/home/user/file")) == b"kept"
