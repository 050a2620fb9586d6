"""Revoke a preview URL."""

import asyncio
import os

from hatchway import create_client


async def main() -> None:
    async with create_client(os.environ.get("HATCHWAY_URL", "http://localhost:6420")) as client:
        agent = client.vm.get_or_create(["my-agent"])

        preview = await agent.create_signed_preview_url(3000)

        # Revoke the token immediately
        revoked = await agent.expire_signed_preview_url(preview.token)
        print("Revoked:", revoked)


if __name__ == "__main__":
    asyncio.run(main())
