import asyncio

from starlette.applications import Starlette
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

going_on = asyncio.Event()


async def stream(request):
    """Events for whoever asks, whatever they accept."""

    async def events():
        yield f"data: {request.headers.get('accept')}\n\n"
        await going_on.wait()
        yield "data: last\n\n"

    going_on.clear()
    return StreamingResponse(events(), media_type="text/event-stream")


async def go_on(request):
    going_on.set()
    return Response()


async def file(request):
    return FileResponse("numbers.txt")


async def socket(websocket):
    if "refused" in websocket.query_params:
        await websocket.send_denial_response(Response("not you", 418))
        return
    await websocket.accept(headers=[(b"x-of-the-app", b"yes")])
    async for message in websocket.iter_json():
        await websocket.send_json({"you sent": message})


app = Starlette(
    routes=[
        Route("/stream", stream),
        Route("/go-on", go_on, methods=["POST"]),
        Route("/file", file),
        WebSocketRoute("/socket", socket),
    ]
)
