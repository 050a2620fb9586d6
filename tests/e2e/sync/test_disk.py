# Written by tools/generate-sync-client from tests/e2e/aio/test_disk.py.
"""What a VM's files take, and what nobody owns."""

from __future__ import annotations

import pytest

from hatchway import Client, NotFound, SyncAgent

pytestmark = pytest.mark.sandbox

MIB = 1024**2


def test_the_disk_of_a_vm(agent: SyncAgent) -> None:
    assert (agent.disk_usage()).bytes < MIB
    agent.write_file("/home/user/file", bytes(3 * MIB))
    usage = agent.disk_usage()
    assert 3 * MIB <= usage.bytes < 5 * MIB
    assert usage.limit is None


def test_a_vm_that_there_is_not(client: Client, agent: SyncAgent) -> None:
    agent.disk_usage()
    found = client.vm.get(list(agent.key))
    agent.destroy()
    with pytest.raises(NotFound) as refused:
        found.disk_usage()
    assert refused.value.code == "vm_not_found"


def test_garbage_of_a_server_that_is_well(client: Client, agent: SyncAgent) -> None:
    agent.write_file("/home/user/file", b"kept")
    assert client.collect_garbage(dry_run=True) == []
    client.collect_garbage()
    assert (agent.read_file("/home/user/file")) == b"kept"
