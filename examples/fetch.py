"""Start a web server inside a VM and fetch from it."""

import asyncio
import os

from hatchway import Unavailable, create_client


async def main() -> None:
    async with create_client(os.environ.get("HATCHWAY_URL", "http://localhost:6420")) as client:
        agent = client.vm.get_or_create(["my-agent"])

        # Start a web server inside the VM
        await agent.write_file(
            "/home/user/server.js",
            'require("http").createServer((req, res) => res.end("Hello from VM")).listen(3000);',
        )
        await agent.spawn("node", ["/home/user/server.js"])

        # Fetch from the VM service, as soon as it listens
        async with asyncio.timeout(30):
            while True:
                try:
                    response = await agent.vm_fetch(3000, "/")
                    break
                except Unavailable as error:
                    if error.code != "port_closed":
                        raise
                    await asyncio.sleep(0.05)
        print("Status:", response.status)
        print("Body:", response.text)


if __name__ == "__main__":
    asyncio.run(main())
