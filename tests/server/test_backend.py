"""The gateway's seam on a real store and real VMs: who may go where."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from hatchway.api.access import AccessPolicy, digest_api_token
from hatchway.errors import NotFound, Unavailable
from hatchway.gateway.destination import ControlDestination, Destination, PortDestination, PreviewDestination
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.seam import CONTROL_API, Allow, Deny, RequestFacts, Upstream, Verdict
from hatchway.options import VmOptions
from hatchway.preview.address import AddressMode
from hatchway.preview.grant import Grant
from hatchway.preview.token import digest, mint, preview_id
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


class OneGrant:
    """Previews of which each token stands for the grant that was set last."""

    def __init__(self) -> None:
        self.grant: Grant | None = None

    def resolve(self, _token: str) -> Grant | None:
        return self.grant


async def test_what_a_grant_says_of_its_preview_is_passed_on() -> None:
    previews = OneGrant()
    backend = ServerBackend(None, previews, AccessPolicy(), "/none")  # type: ignore[arg-type]
    for forward_host in (False, True):
        for app_cors in (False, True):
            # The same id: what is remembered is of the grant and not of its number.
            previews.grant = Grant(1, "vm1", 3000, NOW, forward_host=forward_host, app_cors=app_cors)
            for _ in range(2):
                assert backend.resolve(_preview(mint()), _facts()) == Allow(
                    Upstream("vm1", 3000), 1, NOW, forward_host=forward_host, app_cors=app_cors
                )


async def test_a_verdict_is_made_once_and_asked_for_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    previews = OneGrant()
    policy = AccessPolicy(digest_api_token(TOKEN), frozenset())
    backend = ServerBackend(None, previews, policy, "/none")  # type: ignore[arg-type]
    previews.grant = Grant(1, "vm1", 3000, NOW)
    verdict = backend.resolve(_preview(mint()), _facts())
    assert backend.resolve(_preview(mint()), _facts()) is verdict
    with_credential = backend.resolve(_preview(mint()), _facts(authorization=b"Bearer " + TOKEN.encode()))
    assert isinstance(with_credential, Allow)
    assert with_credential.drop_authorization
    assert backend.resolve(_preview(mint()), _facts()) is verdict  # which the other has not changed
    previews.grant = None
    assert isinstance(backend.resolve(_preview(mint()), _facts()), Deny)
    monkeypatch.setattr("hatchway.server.backend._REMEMBERED_VERDICTS", 100)
    for number in range(1000):
        previews.grant = Grant(number, "vm1", 3000, NOW)
        found = backend.resolve(_preview(mint()), _facts())
        assert isinstance(found, Allow)
        assert found.grant_id == number
        assert len(backend._verdicts) <= 100


@pytest.mark.parametrize("seconds", [5, 600])
async def test_a_remembered_verdict_has_the_end_of_the_last_renewal(
    store: Store, clock: FakeClock, seconds: int
) -> None:
    vm, _ = await store.vms.get_or_create("vm", "a", NOW)
    token, grant = await store.previews.mint(vm.id, 3000, 60)
    backend = _backend(store)
    seen: list[Verdict | Awaitable[Verdict]] = [backend.resolve(_preview(token), _facts())]

    def renewed(_: Grant) -> None:  # in the very step in which the renewal begins to count
        seen.append(backend.resolve(_preview(token), _facts()))

    await store.previews.renew(vm.id, preview_id(digest(token)), seconds, renewed)
    seen.append(backend.resolve(_preview(token), _facts()))
    ends = [NOW + 60, NOW + seconds, NOW + seconds]
    assert seen == [Allow(Upstream(vm.id, 3000), grant_id=grant.id, expires_at=end) for end in ends]
    clock.now = NOW + seconds - 0.1
    assert isinstance(backend.resolve(_preview(token), _facts()), Allow)
    clock.now = NOW + seconds
    assert isinstance(backend.resolve(_preview(token), _facts()), Deny)


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


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        (f"/gateway/vm1@{TOKEN}/action/exec", True),
        (f"/gateway/vm1%40{TOKEN}/connect", True),
        (f"/gateway/vm/connect?rvt-method=get&rvt-key=k&rvt-token={TOKEN}", True),
        ("/gateway/vm1@" + "".join(f"%{ord(each):02X}" for each in TOKEN) + "/connect", True),
        ("/gateway/vm1@wrong/action/exec", False),
        (f"/gateway/vm1@wrong/action/exec?rvt-token={TOKEN}", False),
        (f"/gateway/vm1@{TOKEN}x/connect", False),
        (f"/gateway/vm1@{TOKEN.upper()}/connect", False),
        ("/gateway/vm1@/connect", False),
        ("/gateway/vm/connect?rvt-method=get&rvt-key=k&rvt-token=wrong", False),
        ("/gateway/vm/connect?rvt-token=", False),
        (f"/gateway/vm1/action/{TOKEN}", False),
        (f"/api/vms@{TOKEN}", False),
        (f"/api/vms?rvt-token={TOKEN}", False),
        (f"/actors?rvt-token={TOKEN}", False),
        (f"/metadata?x=@{TOKEN}", False),
    ],
)
async def test_a_clients_token_may_be_in_the_target_of_its_gateway(
    store: Store, target: str, allowed: bool
) -> None:
    backend = _backend(store, TOKEN)
    destination = ControlDestination(target.encode())
    verdict = await _resolve(backend, destination, _facts())
    if allowed:
        assert isinstance(verdict, Allow)
        assert verdict.upstream == CONTROL_API
    else:
        assert _code(verdict) == ("unauthorized", 401)
    stranger = _facts(host=b"localhost:6420", sec_fetch_site=b"cross-site")
    assert _code(await _resolve(backend, destination, stranger)) == ("cross_site", 403)


async def test_a_token_in_the_target_of_a_port_is_none(store: Store) -> None:
    port = PortDestination("vm1", 3000, b"/api/vms/vm1/ports/3000", f"/gateway/a@{TOKEN}/x".encode())
    assert _code(await _resolve(_backend(store, TOKEN), port, _facts())) == ("unauthorized", 401)


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


Serve = Callable[..., ServerBackend]


@pytest.fixture
async def served(store: Store, data_dir: Path, tmp_path: Path) -> AsyncIterator[tuple[Serve, VmManager]]:
    """Makes backends, each with its own limits, with VMs and a control API behind them."""
    sandbox = await Sandbox.start(data_dir)
    manager = VmManager(store, sandbox, {"vm": VmOptions()}, tmp_path / "cache", tmp_path / "logs")
    control = ControlServer(data_dir)
    await control.start(_app)

    def serve(**limits: float) -> ServerBackend:
        given = GatewayLimits(**limits)  # type: ignore[arg-type]
        return ServerBackend(manager, store.previews, AccessPolicy(), control.path, given)

    yield serve, manager
    await control.stop()
    await manager.close()
    await sandbox.close()


@pytest.mark.sandbox
async def test_dialling(served: tuple[Serve, VmManager]) -> None:
    serve, manager = served
    backend = serve(wait_seconds=0)
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
        "import socket; s = socket.create_server(('127.0.0.1', 3000))\n"
        "while True: s.accept()[0].send(b'from the VM')"
    )
    await machine.spawn(SpawnRequest("python3", ["-c", program]))
    for patient in (serve(), backend):
        with await patient.dial(Upstream(vm.id, 3000)) as sock:
            assert sock.getblocking() is False
            assert await loop.sock_recv(sock, 100) == b"from the VM"
    with pytest.raises(NotFound):
        await backend.dial(Upstream("none", 3000))


@pytest.mark.sandbox
async def test_waiting_counts_from_the_requests_arrival(served: tuple[Serve, VmManager]) -> None:
    serve, manager = served
    vm, _ = await manager.get_or_create("vm", ("a",))
    with pytest.raises(Unavailable) as held:
        await serve(wait_seconds=0.6).dial(Upstream(vm.id, 3000))  # which boots the VM
    assert held.value.message.endswith("nothing began to within 0.6 s")
    machine = await manager.running(vm.id)
    await machine.spawn(SpawnRequest("sh", ["-c", "echo problem >&2; exit 3"]))
    with pytest.raises(Unavailable) as ended:
        await serve(wait_seconds=1000).dial(Upstream(vm.id, 3000))
    assert (ended.value.code, ended.value.details and ended.value.details["stderr"]) == (
        "process_exited",
        "problem",
    )


@pytest.mark.sandbox
async def test_how_long_a_service_may_take_to_accept(served: tuple[Serve, VmManager]) -> None:
    serve, manager = served
    vm, _ = await manager.get_or_create("vm", ("a",))
    machine = await manager.running(vm.id)
    program = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 3000), backlog=0); time.sleep(1000)"
    )
    await machine.spawn(SpawnRequest("python3", ["-c", program]))
    backend = serve(connect_seconds=0.2)
    kept: list[socket.socket] = []

    async def fill() -> None:
        while len(kept) < 10:
            kept.append(await backend.dial(Upstream(vm.id, 3000)))

    with pytest.raises(Unavailable) as caught:
        await fill()
    for sock in kept:
        sock.close()
    assert (caught.value.code, caught.value.status) == ("port_not_answering", 504)


@pytest.mark.parametrize("path", ["/none", "/tmp"])
async def test_a_control_api_that_has_stopped(store: Store, path: str) -> None:
    backend = ServerBackend(None, store.previews, AccessPolicy(), path)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as caught:
        await backend.dial(CONTROL_API)
    assert caught.value.code == "stopping"
