"""Connections, on the control API's own server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from api.rivet.client_side import NOTHING, Dialect
from e2e.waiting import eventually
from hatchway.api.rivet import connection
from hatchway.api.rivet.encodings import Encoding
from hatchway.server.control import ControlServer
from hatchway.vm.records import ShellRequest

Connect = Callable[..., Any]
BARE = Dialect(Encoding.BARE, 3)


@pytest.fixture
async def control(app: Starlette, tmp_path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(tmp_path)
    await server.start(app)
    yield server
    await server.stop()


class Client:
    """One connection, in a dialect."""

    def __init__(self, socket: ClientConnection, dialect: Dialect) -> None:
        self.socket, self.dialect = socket, dialect

    async def read(self) -> tuple[str, dict[str, Any]]:
        return self.dialect.read(await asyncio.wait_for(self.socket.recv(), 20))

    async def act(self, number: int, name: str, *arguments: Any) -> None:
        await self.socket.send(self.dialect.action(number, name, *arguments))

    async def call(self, number: int, name: str, *arguments: Any) -> Any:
        """What an action returns, where nothing else is told meanwhile."""
        await self.act(number, name, *arguments)
        tag, value = await self.read()
        assert (tag, value["id"]) == ("ActionResponse", number)
        return value["output"]

    async def subscribe(self, event: str, subscribe: bool = True) -> None:
        """Done when an action behind it is answered."""
        await self.socket.send(self.dialect.subscription(event, subscribe))
        await self.call(2**63, "exists", "/none")

    async def event(self) -> tuple[str, Any]:
        tag, value = await self.read()
        assert tag == "Event", value
        (payload,) = value["args"]
        return value["name"], payload

    async def error(self) -> tuple[str, Any]:
        tag, value = await self.read()
        assert (tag, value["group"]) == ("Error", "hatchway")
        assert set(value["metadata"]) >= {"hint"}
        return value["code"], value["actionId"]


@pytest.fixture
def open_(control: ControlServer, actor: str) -> Connect:
    @asynccontextmanager
    async def open_(
        dialect: Dialect = BARE, place: str | None = None, protocols: list[str] | None = None
    ) -> AsyncIterator[Client]:
        names = protocols or ["rivet", f"rivet_encoding.{dialect.encoding.value}", "rivet_conn_params.%7B%7D"]
        if place is None:
            place = f"/gateway/{actor}@a%2Fb/connect"
        if dialect.version == 4 and "?" not in place:
            place = "/gateway/vm/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-key=k&rvt-token=x"
        async with unix_connect(
            control.path,
            f"ws://localhost{place}",
            subprotocols=[Subprotocol(name) for name in names],
            compression=None,
            max_size=None,
        ) as socket:
            assert socket.subprotocol == "rivet"
            yield Client(socket, dialect)

    return open_


@pytest.fixture
def connect(open_: Connect, actor: str) -> Connect:
    """Open one that has been told of itself."""

    @asynccontextmanager
    async def connect(dialect: Dialect = BARE) -> AsyncIterator[Client]:
        async with open_(dialect) as client:
            tag, value = await client.read()
            assert (tag, value["actorId"]) == ("Init", actor)
            yield client

    return connect


async def until(condition: Callable[[], object]) -> None:
    async def holds() -> bool:
        return bool(condition())

    await eventually(holds, "it is so")


async def test_the_first_message_is_one_that_every_client_reads(
    open_: Connect, actor: str, dialect: Dialect
) -> None:
    seen = set()
    for _ in range(2):
        async with open_(dialect) as client:
            tag, value = await client.read()
            assert (tag, value["actorId"]) == ("Init", actor)
            assert value.get("version", 2) == 2
            seen.add(value["connectionId"])
    assert len(seen) == 2
    assert "" not in seen


async def test_the_clients_version_is_adopted(connect: Connect) -> None:
    for version in (1, 2, 3, 4):
        async with connect(Dialect(Encoding.BARE, 3)) as client:
            client.dialect = Dialect(Encoding.BARE, version)
            await client.act(0, "exists", "/x")
            _, value = await client.read()
            assert value["version"] == version


async def test_actions_and_their_refusals(
    connect: Connect, services: Any, actor: str, dialect: Dialect
) -> None:
    async with connect(dialect) as client:
        output = await client.call(0, "writeFile", "/a", b"\xff", NOTHING)
        assert output is (None if dialect == Dialect(Encoding.JSON, 3) else NOTHING)
        assert services.files == {(actor, b"/a"): b"\xff"}
        assert await client.call(1, "readFile", "/a") == b"\xff"
        await client.act(2**64 - 1, "readFile", "/none")
        assert await client.error() == ("file_not_found", 2**64 - 1)
        await client.act(3, "nonsense")
        assert await client.error() == ("unknown_action", 3)
        await client.act(4, "exec", "ls", {"timeOut": 1})
        assert await client.error() == ("invalid_arguments", 4)
        assert await client.call(2**64 - 1, "exists", "/a") is True


async def test_a_failure_is_told_without_its_words(
    connect: Connect, services: Any, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "hatchway")
    async with connect(dialect) as client:
        services.refusal = RuntimeError("a secret")
        await client.act(7, "exec", "s3cret")
        assert await client.error() == ("internal_error", 7)
    assert "RuntimeError" in caplog.text
    assert "a secret" not in caplog.text
    assert "s3cret" not in caplog.text


async def test_events_are_told_to_those_who_asked(connect: Connect, services: Any, dialect: Dialect) -> None:
    log = services.event_log
    async with connect(dialect) as client:
        log.publish("process_exit", pid=1, exit_code=0, signal=None)
        await client.subscribe("processOutput")
        log.publish("process_exit", pid=2, exit_code=0, signal=None)
        log.publish("process_output", pid=5, stream="stdout", data=b"\xff")
        assert await client.event() == ("processOutput", {"pid": 5, "stream": "stdout", "data": b"\xff"})
        await client.subscribe("processExit")  # which tells of none before
        log.publish("process_exit", pid=3, exit_code=None, signal=9)
        assert await client.event() == ("processExit", {"pid": 3, "exitCode": 137})
        await client.subscribe("processOutput", subscribe=False)
        log.publish("process_output", pid=5, stream="stdout", data=b"no")
        log.publish("process_exit", pid=4, exit_code=3, signal=None)
        assert await client.event() == ("processExit", {"pid": 4, "exitCode": 3})


async def test_events_of_ports_are_looked_for_while_somebody_asks(connect: Connect, services: Any) -> None:
    log = services.event_log
    async with connect() as client:
        await client.subscribe("processExit")
        assert not log.is_followed
        log.publish("port_opened", port=1)
        await client.subscribe("portOpened")
        await until(lambda: log.is_followed)
        log.publish("port_opened", port=2)
        log.publish("process_exit", pid=1, exit_code=0, signal=None)
        assert await client.event() == ("portOpened", {"port": 2})
        assert await client.event() == ("processExit", {"pid": 1, "exitCode": 0})
        await client.subscribe("portOpened", subscribe=False)
        await until(lambda: not log.is_followed)
        log.publish("port_opened", port=3)
        log.publish("vm_booted")
        log.publish("process_exit", pid=2, exit_code=0, signal=None)
        assert await client.event() == ("processExit", {"pid": 2, "exitCode": 0})
        await client.subscribe("portOpened")
    await until(lambda: not log.is_followed)


async def test_no_event_is_lost_or_told_twice_while_kinds_change(connect: Connect, services: Any) -> None:
    log = services.event_log
    async with connect() as client:
        await client.subscribe("processExit")

        async def change() -> None:
            for number in range(100):
                await client.socket.send(client.dialect.subscription("portOpened", number % 2 == 0))
                log.publish("process_exit", pid=number, exit_code=0, signal=None)
                await asyncio.sleep(0)

        changing = asyncio.ensure_future(change())
        assert [(await client.event())[1]["pid"] for _ in range(100)] == list(range(100))
        await changing


async def test_events_that_do_not_exist_take_no_places(connect: Connect, services: Any) -> None:
    async with connect() as client:
        for number in range(100):
            await client.socket.send(client.dialect.subscription(f"none{number}"))
            await client.socket.send(client.dialect.subscription(f"none{number}", False))
        for number in range(100):
            await client.socket.send(client.dialect.subscription(f"none{number}"))
        await client.subscribe("vmBooted")
        services.event_log.publish("vm_booted")
        assert await client.event() == ("vmBooted", {})


async def test_whatever_a_guest_says_is_told(connect: Connect, services: Any, dialect: Dialect) -> None:
    async with connect(dialect) as client:
        await client.subscribe("serviceState")
        services.event_log.publish(
            "service_state", service="s", state="failed", last_words="\ud800\0\U0001f600"
        )
        assert await client.event() == (
            "serviceState",
            {"service": "s", "state": "failed", "lastWords": "?\0\U0001f600"},
        )


async def test_what_is_no_message_leaves_the_connection(connect: Connect, dialect: Dialect) -> None:
    wrong: list[bytes | str] = [
        b"",
        "",
        b"\xff" * 20,
        "{",
        "\0",
        b"\3\0\7",
        b"\5\0\0",
        "[" * 100_000,
        b"\x81" * 100_000,
    ]
    async with connect(dialect) as client:
        for each in wrong:
            await client.socket.send(each)
            code, action = await client.error()
            assert code in {"invalid_message", "invalid_arguments", "unknown_protocol_version"}
            assert action is None
        assert await client.call(1, "exists", "/x") is False


async def test_actions_run_side_by_side_up_to_a_limit(
    connect: Connect, services: Any, dialect: Dialect
) -> None:
    async with connect(dialect) as client:
        assert await client.call(0, "spawn", "sleep") == {"pid": 2}
        for number in range(connection.MAX_ACTIONS):
            await client.act(number, "waitProcess", 2)
        await client.act(1000, "exists", "/x")
        assert await client.error() == ("too_many_actions", 1000)
        services.exited.set()
        seen = set()
        for _ in range(connection.MAX_ACTIONS):
            tag, value = await client.read()
            assert (tag, value["output"]) == ("ActionResponse", 128 + 15)
            seen.add(value["id"])
        assert seen == set(range(connection.MAX_ACTIONS))
        assert await client.call(1001, "exists", "/x") is False


async def test_actions_begin_in_the_order_in_which_they_came(connect: Connect, services: Any) -> None:
    shell = (
        await services.open_shell(
            next(iter(services.vms.values())).id, ShellRequest(None, [], {}, None, 80, 24)
        )
    ).id
    async with connect() as client:
        for number in range(200):
            await client.act(number, "writeShell", shell, b"%d" % number)
        for _ in range(200):
            assert (await client.read())[0] == "ActionResponse"
    assert [data for _, data in services.typed] == [b"%d" % number for number in range(200)]


async def test_a_client_that_goes_calls_its_actions_off(connect: Connect, services: Any) -> None:
    services.script = [asyncio.Event()]
    async with connect() as client:
        await client.act(0, "exec", "sleep 1000")
        await asyncio.wait_for(services.running.wait(), 10)
    await asyncio.wait_for(services.left.wait(), 10)
    await until(lambda: not [t for t in asyncio.all_tasks() if "_Connection" in repr(t)])


async def test_it_ends_with_the_vm(connect: Connect, services: Any, dialect: Dialect) -> None:
    services.script = [asyncio.Event()]
    async with connect(dialect) as client:
        await client.subscribe("vmShutdown")
        await client.act(0, "exec", "sleep 1000")
        await asyncio.wait_for(services.running.wait(), 10)
        services.event_log.publish("vm_shutdown", reason="destroy")
        services.event_log.close()
        assert await client.event() == ("vmShutdown", {"reason": "destroy"})
        assert await closed(client) == (1000, "hatchway.vm_destroyed")
    await asyncio.wait_for(services.left.wait(), 10)


async def closed(client: Client) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        await asyncio.wait_for(client.socket.recv(), 10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_a_client_that_does_not_read_costs_no_more_than_what_is_kept(
    connect: Connect, services: Any
) -> None:
    log = services.event_log
    async with connect() as client:
        await client.subscribe("processOutput")
        await client.subscribe("eventsMissed")
        told = missed = 0
        for number in range(4000):
            log.publish("process_output", pid=1, stream="stdout", data=b"%d " % number + b"x" * 60_000)
            if number % 20 == 0:
                await asyncio.sleep(0)
        await client.socket.send(client.dialect.subscription("processExit"))
        await client.act(1, "exists", "/x")
        tag, last = "", -1
        while (tag, last) != ("Event", 3999):
            tag, value = await client.read()
            if tag == "Event" and value["name"] == "eventsMissed":
                missed += value["args"][0]["count"]
                last += value["args"][0]["count"]
            elif tag == "Event":
                number = int(value["args"][0]["data"].partition(b" ")[0])
                assert number == last + 1
                last, told = number, told + 1
    assert told + missed == 4000
    assert missed > 1000


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/gateway/ffffffffffffffffffff/connect", "hatchway.vm_not_found"),
        ("/gateway/nonsense/connect", "hatchway.vm_not_found"),
        ("/gateway/vm/connect?rvt-method=get&rvt-key=none", "hatchway.vm_not_found"),
        ("/gateway/other/connect?rvt-method=getOrCreate&rvt-key=k", "hatchway.unknown_vm_kind"),
        ("/gateway/vm/connect?rvt-method=x", "hatchway.invalid_actor_query"),
        ("/gateway/vm/connect?rvt-method=get", "hatchway.invalid_key"),
    ],
)
async def test_why_it_was_refused_is_where_the_client_looks(open_: Connect, place: str, reason: str) -> None:
    async with open_(place=place) as client:
        assert await closed(client) == (1011, reason)


async def test_the_names_of_encodings(open_: Connect) -> None:
    async with open_(Dialect(Encoding.JSON, 3), protocols=["rivet"]) as client:
        assert (await client.read())[0] == "Init"
    async with open_(protocols=["rivet", "rivet_encoding.x"]) as client:
        assert await closed(client) == (1011, "hatchway.invalid_encoding")


async def test_another_protocol_is_refused(open_: Connect) -> None:
    for protocols in (["other"], ["rivet_encoding.bare"]):
        with pytest.raises(InvalidStatus) as caught:
            await open_(protocols=protocols).__aenter__()
        assert caught.value.response.status_code == 400
        assert b'"group":"hatchway","code":"invalid_protocol"' in (caught.value.response.body or b"")


async def test_a_failure_before_it_is_open(
    open_: Connect, services: Any, caplog: pytest.LogCaptureFixture
) -> None:
    services.refusal = RuntimeError("a secret")
    async with open_() as client:
        assert await closed(client) == (1011, "hatchway.internal_error")
    assert "secret" not in caplog.text
