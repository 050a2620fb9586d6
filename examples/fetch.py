"""Start a web server inside a VM and fetch from it."""

import asyncio
import os

from hatchway import create_client


async def main() -> None:
    async with create_client(os.environ.get("HATCHWAY_URL", "http://localhost:6420")) as client:
        agent = client.vm.get_or_create(["my-agent"])

        # Start a web server inside the VM
        await agent.write_file(
            "/home/user/server.js",
            'require("http").createServer((req, res) => res.end("Hello from VM")).listen(3000);',
        )
        await agent.spawn("node", ["/home/user/server.js"])

        # Fetch from the VM service; the request waits until it listens
        response = await agent.vm_fetch(3000, "/")
        print("Status:", response.status)
        print("Body:", response.text)


if __name__ == "__main__":
    asyncio.run(main())
