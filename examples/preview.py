"""Create preview URLs: whoever has one reaches port 3000 of the VM until it expires."""

import asyncio
import os

from hatchway import create_client

APP_JS = """
require("http").createServer((request, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end("<!doctype html><title>My app</title><h1>Hello from my app</h1>");
}).listen(3000);
"""


async def main() -> None:
    async with create_client(os.environ.get("HATCHWAY_URL", "http://localhost:6420")) as client:
        agent = client.vm.get_or_create(["my-app"])

        # Start a web app in the VM
        await agent.write_file("/home/user/app.js", APP_JS)
        await agent.spawn("node", ["/home/user/app.js"])

        # Create a preview URL (default 1 hour expiration)
        preview = await agent.create_signed_preview_url(3000)
        print("Preview URL:", preview.url)
        print("Preview path:", preview.path)
        print("Token:", preview.token)
        print("Expires at:", preview.expires_at)

        # Create a preview URL with custom expiration
        short_preview = await agent.create_signed_preview_url(3000, 300)  # 5 minutes
        print("Short-lived preview:", short_preview.path)


if __name__ == "__main__":
    asyncio.run(main())
