"""How long a preview's streams outlive its end: 1,000 of them, in a real server with a real VM.

`hatchway serve` runs as a process of its own, and in a VM of it a node service. Under one preview 1,000 streams are
open: server-sent events, downloads that the service sends slowly, downloads that nobody reads, uploads under way, and
WebSockets, 200 each. Then the preview is revoked by a call of the control API. One thread with one epoll waits for the
API's answer and for the ends of the streams, so that both are seen on one clock (CLOCK_MONOTONIC); a stream counts as
closed when the kernel of the client says so. The time is from that answer to the last stream; below zero all of them
were closed before. Meanwhile 100 streams of another preview of the same port of the same VM stay open, and work at the
end. Every round is a new preview with new streams; the 99th percentile of so few rounds is the worst of them. Server,
VM and client share the machine's cores.

    python -m benchmarks.end_of_a_grant [--quick]
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import socket
import statistics
import sys
from pathlib import Path

import uvloop

from benchmarks.proxies import raise_file_limit
from benchmarks.rounds import percentile
from benchmarks.server import served
from benchmarks.streams import KINDS, Ending, Stream, Watch, count_alive, count_told, open_streams
from benchmarks.table import Row, markdown
from hatchway import Agent, HatchwayError, create_client

STREAMS = 1_000
OTHERS = 100
MOST_MILLISECONDS = 10
FILES = 8_000
"""Open files of the server: two sockets of each stream, with room for those of the round before."""

_PORT = 3000
_SERVICE = Path(__file__).parent / "services" / "streams.js"


async def _start_service(agent: Agent) -> None:
    await agent.write_file("streams.js", _SERVICE.read_bytes())
    await agent.spawn("node", ["streams.js", str(_PORT)])
    while True:
        try:
            await agent.vm_fetch(_PORT, "/")
        except HatchwayError as error:
            if error.code != "port_closed":
                raise
            await asyncio.sleep(0.02)
        else:
            return


def _vm_id(port: int, key: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/vms", json.dumps({"name": "vm", "key": [key]}), headers)
    answer = connection.getresponse()
    vm = json.loads(answer.read())["id"]
    connection.close()
    return str(vm)


def _end_grant(port: int, vm: str, token: str, streams: list[Stream]) -> Ending:
    body = json.dumps({"token": token})
    request = (
        f"POST /api/vms/{vm}/previews/expire HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    watch = Watch(streams)
    with socket.create_connection(("127.0.0.1", port)) as control:
        gc.disable()  # a pause of the client is none of the server's
        ending = watch.until_closed(control, request.encode())
        gc.enable()
    watch.end()
    told = count_told(streams)
    if told != len(streams) // len(KINDS):
        raise SystemExit(f"only {told} WebSockets were told that the preview has ended")
    for stream in streams:
        stream.sock.close()
    return ending


async def _measure(rounds: int) -> tuple[list[Ending], int]:
    """The endings, and how many of the others lived to the end."""
    raise_file_limit(FILES)
    endings = []
    with served() as server:
        port = server.port
        client = create_client(f"http://127.0.0.1:{port}")
        agent = client.vm.get_or_create(["end-of-a-grant"])
        await _start_service(agent)
        vm = _vm_id(port, "end-of-a-grant")

        async def preview() -> str:
            return (await agent.create_signed_preview_url(_PORT, 3600)).token

        others = open_streams(port, f"{await preview()}.localhost:{port}", OTHERS)
        watch = Watch(others)
        lost = 0
        for _ in range(rounds):
            token = await preview()
            streams = open_streams(port, f"{token}.localhost:{port}", STREAMS)
            endings.append(_end_grant(port, vm, token, streams))
            lost += watch.closed()
        watch.end()
        alive = count_alive(others) if not lost else OTHERS - lost
        for other in others:
            other.sock.close()
        await client.aclose()
    return endings, alive


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer rounds, for a first look."""
    rounds = 3 if quick else 30
    endings, alive = uvloop.run(_measure(rounds))
    outlived = [(ending.last_closed - ending.answered) * 1000 for ending in endings]
    whole = [(ending.last_closed - ending.asked) * 1000 for ending in endings]
    p99 = percentile(outlived, 99)
    what = f"answer to `expire` to last of {STREAMS:,} streams closed"
    return [
        Row(f"{what}: median of {rounds}", statistics.median(outlived), "ms", "", None, "", None),
        Row(
            f"{what}: 99th percentile",
            p99,
            "ms",
            "",
            None,
            f"at most {MOST_MILLISECONDS} ms",
            p99 <= MOST_MILLISECONDS,
        ),
        Row(f"{what}: worst", max(outlived), "ms", "", None, "", None),
        Row(
            "call of `expire` to last stream closed: median",
            statistics.median(whole),
            "ms",
            "",
            None,
            "",
            None,
        ),
        Row("call of `expire` to last stream closed: worst", max(whole), "ms", "", None, "", None),
        Row(
            "streams of another preview of that VM, open and working at the end",
            alive,
            "",
            "",
            None,
            f"all {OTHERS}",
            alive == OTHERS,
        ),
    ]


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
