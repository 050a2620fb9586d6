"""A server, from its parts: started in order, stopped in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hatchway.api.app import create_app
from hatchway.errors import HatchwayError, Unavailable
from hatchway.gateway.listener import Gateway
from hatchway.gateway.tls import ListenerTls
from hatchway.options import VmOptions
from hatchway.server.backend import ServerBackend, access_policy
from hatchway.server.control import ControlServer
from hatchway.server.cron import CronRunner
from hatchway.server.cron_run import executing
from hatchway.server.file_limit import raise_file_limit
from hatchway.server.services import ServerServices
from hatchway.server.settings import Settings
from hatchway.server.sweeper import sweep_expired
from hatchway.store.previews import Previews
from hatchway.store.store import Store
from hatchway.vm.idle_watch import watch_idle
from hatchway.vm.manager import VmManager
from hatchway.vm.sandbox.id_ranges import overlaps_any, parse_subordinate_ids
from hatchway.vm.sandbox.sandbox import Sandbox

LOGS = "logs"
"""The folder, in the data folder, of the logs of declared services."""

SOCKET = "gateway.sock"
"""The UNIX socket, in the data folder, of a server that listens nowhere else."""

STOP_SECONDS = 2.0
"""How long requests under way may take when the server stops."""

_log = logging.getLogger("hatchway")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens."""

    host: str
    port: int
    url: str
    """Where the control API and the path form of previews are, seen from this machine; without a trailing slash."""
    sandbox: Sandbox
    tls: ListenerTls | None
    """The certificate that it listens with."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a server is made of, but for its listener."""

    sandbox: Sandbox
    gateway: Gateway
    previews: Previews
    manager: VmManager
    cron: CronRunner


@asynccontextmanager
async def running(
    kinds: Mapping[str, VmOptions], settings: Settings, clock: Callable[[], float] = time.time
) -> AsyncIterator[RunningServer]:
    """A server for as long as the context lasts.

    Args:
        kinds: the kinds of VM it offers, by name.
        settings: where it listens and keeps its data.
        clock: seconds since the epoch.

    Raises:
        HatchwayError: `data_dir_in_use`, `isolation_unavailable`, `address_unavailable`, those of `ListenerTls` and
            others; nothing is left behind by a server that did not start.
    """
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = ListenerTls(settings.tls_cert, settings.tls_key)

    def preview_url(token: str) -> str:
        return settings.preview_url(token, port)

    async with _parts(kinds, settings, clock, None if tls is None else tls.context, preview_url) as parts:
        try:
            host, port = await parts.gateway.start(settings.host, settings.port)
        except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
            reason = error.strerror if isinstance(error, OSError) else None
            raise Unavailable(
                "address_unavailable",
                f"cannot listen on {settings.host} port {settings.port}: {reason or 'no such address'}",
                "another server may be using it: choose another with --port, or 0 for a free one",
            ) from None
        async with _open(parts):
            scheme = "http" if tls is None else "https"
            url = f"{scheme}://{_shown(settings.host)}:{port}"
            yield RunningServer(host, port, url, parts.sandbox, tls)


@asynccontextmanager
async def running_within(kinds: Mapping[str, VmOptions], settings: Settings) -> AsyncIterator[Path]:
    """A server that no network reaches: for the process that runs it, on a UNIX socket in the data folder.

    Args:
        kinds: the kinds of VM it offers, by name.
        settings: where it keeps its data.

    Returns:
        The socket's path. It has no previews: `create_preview` is refused with `no_listener`.

    Raises:
        HatchwayError: as for `running`.
    """
    async with _parts(kinds, settings, time.time, None, None) as parts:
        folder = os.open(settings.data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # A socket's path holds at most 107 bytes (unix(7)); by way of its folder's fd it is always short.
            path = Path(f"/proc/self/fd/{folder}/{SOCKET}")
            _remove(path)  # left by a process that was killed
            await parts.gateway.start_unix(str(path))
            try:
                async with _open(parts):
                    yield path
            finally:
                _remove(path)
        finally:
            os.close(folder)


@asynccontextmanager
async def _parts(
    kinds: Mapping[str, VmOptions],
    settings: Settings,
    clock: Callable[[], float],
    tls: ssl.SSLContext | None,
    preview_url: Callable[[str], str] | None,
) -> AsyncIterator[_Parts]:
    """All but the listener, started in order and stopped in reverse."""
    async with AsyncExitStack() as stack:
        store = await Store.open(settings.data_dir, clock, overlaps_any(_given_ids()))
        stack.push_async_callback(store.close)
        sandbox = await Sandbox.start(settings.data_dir)
        stack.push_async_callback(sandbox.close)
        manager = VmManager(
            store,
            sandbox,
            kinds,
            settings.cache_dir,
            settings.data_dir / LOGS,
            clock,
            settings.ready_vms,
            settings.disk_reserve_bytes,
        )
        stack.push_async_callback(manager.close)
        await manager.start()
        cron = CronRunner(store.cron, executing(manager), clock)
        await cron.load()
        control = ControlServer(settings.data_dir)
        stack.push_async_callback(control.stop)
        backend = ServerBackend(
            manager, store.previews, access_policy(settings), control.path, settings.gateway_limits
        )
        gateway = Gateway(
            backend,
            preview_domain=settings.preview_domain,
            scheme=settings.public_scheme,
            public_port=settings.public_port,
            limits=settings.gateway_limits,
            clock=clock,
            trusted_proxies=settings.trusted_proxies,
            tls=tls,
        )
        manager.traffic = gateway
        await control.start(
            create_app(
                ServerServices(
                    manager,
                    store.previews,
                    store.services,
                    cron,
                    gateway,
                    preview_url,
                    settings.gateway_limits,
                )
            )
        )
        yield _Parts(sandbox, gateway, store.previews, manager, cron)


@asynccontextmanager
async def _open(parts: _Parts) -> AsyncIterator[None]:
    """While the gateway listens: what runs on a timer; then its stop."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.gateway.stop, STOP_SECONDS)
        for work in (
            sweep_expired(parts.previews, parts.gateway),
            watch_idle(parts.manager),
            parts.cron.run(),
        ):
            stack.push_async_callback(_cancel, asyncio.get_running_loop().create_task(work))
        yield


async def serve(kinds: Mapping[str, VmOptions], settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then stop cleanly. Says on the log where it listens.

    With TLS, SIGHUP makes it read the certificate and its key anew.

    Raises:
        HatchwayError: what keeps the server from starting; see `running`.
    """
    raise_file_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(kinds, settings) as server:
        if server.tls is not None:
            loop.add_signal_handler(signal.SIGHUP, _renew, server.tls)
        _log.info("listening on %s", server.url)
        if settings.public_url is not None:
            _log.info("visitors reach it at %s", settings.public_url)
        await stop.wait()
        _log.info("stopping")


def _renew(tls: ListenerTls) -> None:
    try:
        tls.renew()
    except HatchwayError as error:
        _log.error("the certificate in use is kept: %s", error)
    else:
        _log.info("the certificate was read anew")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _shown(host: str) -> str:
    """A bind address as it stands in a URL."""
    if host in {"127.0.0.1", "::1", "0.0.0.0", "::"}:  # noqa: S104
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _given_ids() -> list[range]:
    """The subordinate ids that this host has given to its users (subuid(5), subgid(5))."""
    given: list[range] = []
    for path in (Path("/etc/subuid"), Path("/etc/subgid")):
        try:
            given += parse_subordinate_ids(path.read_text())
        except OSError:
            pass  # none given
    return given
