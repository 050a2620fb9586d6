"""Fetch with a custom method, headers and body. Run fetch.py first: its web server answers."""

import asyncio
import json
import os

from hatchway import create_client


async def main() -> None:
    async with create_client(os.environ.get("HATCHWAY_URL", "http://localhost:6420")) as client:
        agent = client.vm.get_or_create(["my-agent"])

        response = await agent.vm_fetch(
            3000,
            "/api/data",
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps({"key": "value"}),
        )
        print("Status:", response.status, response.status_text)
        print("Headers:", dict(response.headers))
        print("Body:", response.text)


if __name__ == "__main__":
    asyncio.run(main())
