import asyncio

from aiohttp import WSMsgType, web

going_on = asyncio.Event()


async def events(request):
    """One event, and the next once /go-on was called."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await answer.prepare(request)
    going_on.clear()
    await answer.write(b"data: first\n\n")
    await going_on.wait()
    await answer.write(b"data: last\n\n")
    return answer


async def go_on(request):
    going_on.set()
    return web.Response()


async def numbers(request):
    """One event for each connection, numbered after the one that the browser has seen last."""
    number = int(request.headers.get("Last-Event-ID", "0")) + 1
    # The browser comes back at once until it has seen the third.
    retry = 1 if number < 3 else 3_600_000
    return web.Response(
        text=f"retry: {retry}\nid: {number}\ndata: {number}\n\n", content_type="text/event-stream"
    )


async def page(request):
    return web.Response(
        text="<!doctype html><ul></ul><script>"
        "new EventSource('/numbers').onmessage = (event) => {"
        "  document.querySelector('ul').innerHTML += '<li>' + event.data;"
        "}</script>",
        content_type="text/html",
    )


async def socket(request):
    """Sends back what comes; "bye" closes."""
    answer = web.WebSocketResponse(protocols=("first", "second"), max_msg_size=0)
    await answer.prepare(request)
    await answer.send_json(
        {"host": request.host, "protocol": answer.ws_protocol, "query": request.query_string}
    )
    async for message in answer:
        if message.type == WSMsgType.BINARY:
            await answer.send_bytes(message.data)
        elif message.data == "bye":
            await answer.close(code=4321, message=b"as you like")
        else:
            await answer.send_str(message.data)
    return answer


app = web.Application()
app.add_routes(
    [
        web.get("/", page),
        web.get("/events", events),
        web.get("/numbers", numbers),
        web.get("/socket", socket),
        web.post("/go-on", go_on),
    ]
)
web.run_app(app, host="localhost", port=8080)
