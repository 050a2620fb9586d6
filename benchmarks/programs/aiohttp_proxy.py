"""A plain streaming reverse proxy as one writes it with aiohttp: its server, and one client session.

It runs on uvloop, with aiohttp's own C parsers, and streams both bodies. It does far less than the gateway: no
tokens, no checks, no rewriting but that of hop-by-hop fields.

python aiohttp_proxy.py UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import logging
import sys

import aiohttp
import uvloop
from aiohttp import web

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection")
)
PIECE = 64 * 1024


async def main(upstream: int) -> None:
    """Serve until ended."""
    # A load generator that stops leaves answers under way: aiohttp writes a traceback for each.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    session = aiohttp.ClientSession(
        f"http://127.0.0.1:{upstream}",
        connector=aiohttp.TCPConnector(limit=0),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        headers = [each for each in request.headers.items() if each[0].lower() not in HOP_BY_HOP]
        body = request.content if request.body_exists else None
        async with session.request(
            request.method, request.rel_url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for piece in answer.content.iter_chunked(PIECE):
                await response.write(piece)
            await response.write_eof()
            return response

    server = await asyncio.get_running_loop().create_server(
        web.Server(handle, access_log=None), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
