"""The gateway's seam on a real store and real VMs: who may go where."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from hatchway.api.access import AccessPolicy, digest_api_token
from hatchway.errors import NotFound, Unavailable
from hatchway.gateway.destination import ControlDestination, Destination, PortDestination, PreviewDestination
from hatchway.gateway.seam import CONTROL_API, Allow, Deny, RequestFacts, Upstream, Verdict
from hatchway.options import VmOptions
from hatchway.preview.address import AddressMode
from hatchway.preview.token import mint
from hatchway.server.backend import ServerBackend, access_policy
from hatchway.server.control import ControlServer
from hatchway.server.settings import Settings
from hatchway.store.store import Store
from hatchway.vm.manager import VmManager
from hatchway.vm.records import SpawnRequest
from hatchway.vm.sandbox.sandbox import Sandbox
from server.conftest import NOW, FakeClock

TOKEN = "api-token-of-the-test"
API = ControlDestination(b"/api/vms")
PORT = PortDestination("vm1", 3000, b"/api/vms/vm1/ports/3000", b"/x")


def _facts(**fields: bytes | None) -> RequestFacts:
    none = dict.fromkeys(("origin", "sec_fetch_site", "authorization", "api_token"))
    return RequestFacts(**{"method": b"GET", "host": b"localhost:6420"} | none | fields)  # type: ignore[arg-type]


def _preview(token: str) -> PreviewDestination:
    return PreviewDestination(token, AddressMode.PATH, b"/fetch/x", b"/")


def _backend(store: Store, token: str | None = None) -> ServerBackend:
    """A backend that answers `resolve`; it has no VMs to dial."""
    policy = AccessPolicy(None if token is None else digest_api_token(token), frozenset({"vms.example.org"}))
    return ServerBackend(None, store.previews, policy, "/none")  # type: ignore[arg-type]


async def _resolve(backend: ServerBackend, destination: Destination, facts: RequestFacts) -> Verdict:
    verdict = backend.resolve(destination, facts)
    return await verdict if inspect.isawaitable(verdict) else verdict


def _code(verdict: Verdict) -> tuple[str, int]:
    assert isinstance(verdict, Deny)
    return verdict.error.code, verdict.error.status


async def test_a_preview_needs_its_token_alone(store: Store, clock: FakeClock) -> None:
    vm, _ = await store.vms.get_or_create("vm", "a", NOW)
    token, grant = await store.previews.mint(vm.id, 3000, 60)
    stranger = _facts(
        host=b"anything.example", origin=b"https://elsewhere.example", sec_fetch_site=b"cross-site"
    )
    expected = Allow(Upstream(vm.id, 3000), grant_id=grant.id, expires_at=NOW + 60)
    backend = _backend(store, TOKEN)
    verdict = backend.resolve(_preview(token), stranger)
    assert verdict == expected  # at once: it was minted here
    clock.now = NOW + 59.9
    assert await _resolve(backend, _preview(token), stranger) == expected
    clock.now = NOW + 60
    assert _code(await _resolve(backend, _preview(token), stranger)) == ("preview_not_found", 403)


async def test_a_preview_of_an_earlier_server_is_found(
    store: Store, data_dir: Path, clock: FakeClock
) -> None:
    vm, _ = await store.vms.get_or_create("vm", "a", NOW)
    token, grant = await store.previews.mint(vm.id, 3000, 60)
    await store.close()
    later = await Store.open(data_dir, clock)
    backend = _backend(later)
    verdict = backend.resolve(_preview(token), _facts())
    assert inspect.isawaitable(verdict)  # the database is asked
    assert await verdict == Allow(Upstream(vm.id, 3000), grant_id=grant.id, expires_at=NOW + 60)
    assert not inspect.isawaitable(backend.resolve(_preview(token), _facts()))
    await later.close()


async def test_tokens_that_stand_for_nothing_are_told_apart_by_nobody(store: Store) -> None:
    vm, _ = await store.vms.get_or_create("vm", "a", NOW)
    revoked, _ = await store.previews.mint(vm.id, 3000, 60)
    await store.previews.expire(vm.id, revoked)
    of_a_destroyed_vm, _ = await store.previews.mint(vm.id, 3000, 60)
    await store.vms.mark_destroyed(vm.id, NOW)
    backend = _backend(store)
    errors = []
    for token in (revoked, of_a_destroyed_vm, mint(), "short", "", "ü" * 32):
        verdict = await _resolve(backend, _preview(token), _facts())
        assert isinstance(verdict, Deny)
        assert not token or token not in str(verdict.error)
        errors.append((verdict.error.code, verdict.error.message, verdict.error.hint, verdict.error.status))
    assert len(set(errors)) == 1
    assert errors[0][0] == "preview_not_found"


async def test_a_store_that_fails_is_a_refusal(store: Store) -> None:
    backend = _backend(store)
    await store.close()
    assert _code(await _resolve(backend, _preview(mint()), _facts())) == ("store_closed", 503)


@pytest.mark.parametrize("destination", [API, PORT], ids=["api", "port"])
@pytest.mark.parametrize(
    ("token", "fields", "code"),
    [
        (None, {}, None),
        (None, {"host": b"127.0.0.1:6420"}, None),
        (None, {"host": b"vms.example.org"}, None),
        (None, {"host": None}, "unknown_host"),
        (None, {"host": b"rebound.example"}, "unknown_host"),
        (None, {"origin": b"http://localhost:6420"}, None),
        (None, {"origin": b"https://elsewhere.example"}, "cross_site"),
        (None, {"sec_fetch_site": b"same-site"}, "cross_site"),
        (TOKEN, {}, "unauthorized"),
        (TOKEN, {"api_token": b"wrong"}, "unauthorized"),
        (TOKEN, {"api_token": TOKEN.encode()}, None),
        (TOKEN, {"authorization": b"Bearer " + TOKEN.encode()}, None),
        (TOKEN, {"authorization": b"Basic " + TOKEN.encode()}, "unauthorized"),
    ],
)
async def test_everything_else_needs_the_right_to_call_the_api(
    store: Store,
    destination: Destination,
    token: str | None,
    fields: dict[str, bytes | None],
    code: str | None,
) -> None:
    verdict = await _resolve(_backend(store, token), destination, _facts(**fields))
    if code is not None:
        assert _code(verdict)[0] == code
        return
    assert isinstance(verdict, Allow)
    assert verdict.grant_id is None
    assert verdict.expires_at is None
    assert verdict.upstream == (CONTROL_API if destination is API else Upstream("vm1", 3000))


@pytest.mark.parametrize("kind", ["preview", "port"])
async def test_the_api_credential_is_dropped_and_a_services_own_is_not(store: Store, kind: str) -> None:
    vm, _ = await store.vms.get_or_create("vm", "a", NOW)
    preview, _ = await store.previews.mint(vm.id, 3000, 60)
    destination = _preview(preview) if kind == "preview" else PORT
    backend = _backend(store, TOKEN)
    for authorization, dropped in (
        (b"Bearer " + TOKEN.encode(), True),
        (b"bearer " + TOKEN.encode(), True),
        (b"Bearer of-the-service", False),
        (b"Basic dTpw", False),
        (None, False),
    ):
        facts = _facts(authorization=authorization, api_token=TOKEN.encode())
        verdict = await _resolve(backend, destination, facts)
        assert isinstance(verdict, Allow)
        assert verdict.drop_authorization is dropped, authorization


def test_the_policy_of_settings() -> None:
    policy = access_policy(
        Settings(api_token=TOKEN, host="192.0.2.1", allowed_hosts=frozenset({"a.example"}))
    )
    assert policy.api_token_digest == digest_api_token(TOKEN)
    assert policy.allowed_hosts >= {"a.example", "192.0.2.1"}
    assert access_policy(Settings()).api_token_digest is None
    assert TOKEN not in repr(policy)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("the control API")(scope, receive, send)


@pytest.fixture
async def served(
    store: Store, data_dir: Path, tmp_path: Path
) -> AsyncIterator[tuple[ServerBackend, VmManager]]:
    """A backend with VMs and a control API behind it."""
    sandbox = await Sandbox.start(data_dir)
    manager = VmManager(store, sandbox, {"vm": VmOptions()}, tmp_path / "cache")
    control = ControlServer(data_dir)
    await control.start(_app)
    yield ServerBackend(manager, store.previews, AccessPolicy(), control.path), manager
    await control.stop()
    await manager.close()
    await sandbox.close()


@pytest.mark.sandbox
async def test_dialling(served: tuple[ServerBackend, VmManager]) -> None:
    backend, manager = served
    loop = asyncio.get_running_loop()
    with await backend.dial(CONTROL_API) as sock:
        await loop.sock_sendall(sock, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await loop.sock_recv(sock, 10_000)).startswith(b"HTTP/1.1 200 ")
    vm, _ = await manager.get_or_create("vm", ("a",))
    with pytest.raises(Unavailable) as closed:
        await backend.dial(Upstream(vm.id, 3000))
    assert (closed.value.code, closed.value.status) == ("port_closed", 502)
    assert (await manager.get(vm.id)).state == "running"  # dialling boots
    machine = await manager.running(vm.id)
    program = (
        "import socket; s = socket.create_server(('127.0.0.1', 3000)); open('/tmp/ready', 'w').close()\n"
        "while True: s.accept()[0].send(b'from the VM')"
    )
    await machine.spawn(SpawnRequest("python3", ["-c", program]))
    while not await machine.exists(b"/tmp/ready"):
        pass
    with await backend.dial(Upstream(vm.id, 3000)) as sock:
        assert sock.getblocking() is False
        assert await loop.sock_recv(sock, 100) == b"from the VM"
    with pytest.raises(NotFound):
        await backend.dial(Upstream("none", 3000))


@pytest.mark.parametrize("path", ["/none", "/tmp"])
async def test_a_control_api_that_has_stopped(store: Store, path: str) -> None:
    backend = ServerBackend(None, store.previews, AccessPolicy(), path)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as caught:
        await backend.dial(CONTROL_API)
    assert caught.value.code == "stopping"
