from __future__ import annotations

import httpx

from api.conftest import MemoryServices
from hatchway.vm.garbage import Garbage


async def test_disk_usage(client: httpx.AsyncClient, vm: str) -> None:
    answer = await client.get(f"{vm}/disk")
    assert (answer.status_code, answer.json()) == (200, {"bytes": 5000, "limit": 1 << 30})
    answer = await client.get("/api/vms/none/disk")
    assert (answer.status_code, answer.json()["code"]) == (404, "vm_not_found")


async def test_garbage(client: httpx.AsyncClient, services: MemoryServices) -> None:
    services.garbage = (Garbage("vm_folder", "a" * 20, 5), Garbage("unfinished_layer", "node", 7))
    items = [
        {"kind": "vm_folder", "name": "a" * 20, "bytes": 5},
        {"kind": "unfinished_layer", "name": "node", "bytes": 7},
    ]
    for dry_run in (True, False):
        answer = await client.post("/api/gc", json={"dry_run": dry_run})
        assert (answer.status_code, answer.json()) == (200, {"dry_run": dry_run, "bytes": 12, "items": items})
    answer = await client.post("/api/gc", json={})
    assert answer.json() == {"dry_run": False, "bytes": 0, "items": []}
    answer = await client.post("/api/gc", json={"dry": True})
    assert answer.status_code == 400
