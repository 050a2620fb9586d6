import asyncio
import json

from websockets.asyncio.server import serve

ends = asyncio.Queue()


async def handler(connection):
    if connection.request.path == "/last":
        await connection.send(json.dumps(await ends.get()))
        return
    await connection.send(json.dumps(list(connection.request.headers.raw_items())))
    try:
        async for message in connection:
            if message == "fragments":
                await connection.send(["in ", "three ", "parts"])
            else:
                await connection.send(message)
    finally:
        ends.put_nowait({"code": connection.close_code, "reason": connection.close_reason})


async def main():
    # Only pages of the service's own address may connect.
    origins = [None, "http://localhost:8765"]
    async with serve(handler, "localhost", 8765, origins=origins, max_size=None) as server:
        await server.serve_forever()


asyncio.run(main())
