"""What is measured and what it is measured beside: processes with a port, and what they have used.

Every proxy is one process that does the work: our gateway with its in-memory backend, nginx with one worker and
keep-alive connections to the upstream, aiohttp.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TOKEN = "b" * 32
"""The preview that every gateway here serves."""

_PROGRAMS = Path(__file__).parent / "programs"
_START_SECONDS = 20.0


class Proxy(NamedTuple):
    """Something that answers requests."""

    name: str
    port: int
    pid: int
    """The process that does the work."""

    @property
    def host(self) -> str:
        """The Host to ask it for: the gateway finds the preview by it, and the others get the same bytes."""
        return f"{TOKEN}.localhost:{self.port}"

    def connect(self) -> socket.socket:
        """A fresh connection that sends at once."""
        sock = socket.create_connection(("127.0.0.1", self.port), _START_SECONDS)
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def cpu_seconds(self) -> float:
        """User and system time of the process so far, to the nanosecond (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_bytes(self) -> int:
        """The memory of the process that is in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def tool(name: str) -> str:
    """The path of a program that has to be installed.

    Raises:
        SystemExit: it is not.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit(f"this benchmark needs {name}: apt-get install {name}")
    return found


def raise_file_limit(wanted: int) -> int:
    """Lets this process, and those it starts from now on, open up to `wanted` files; how many that became."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        with contextlib.suppress(ValueError, PermissionError):  # only root may
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextlib.contextmanager
def program(name: str, *arguments: object, label: str = "") -> Iterator[Proxy]:
    """One of `benchmarks.programs` as a process; it is ended with the context."""
    command = [sys.executable, str(_PROGRAMS / f"{name}.py"), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"the program {name} did not start")
            yield Proxy(label or name, int(line), process.pid)
        finally:
            process.terminate()


def gateway(upstream: int) -> contextlib.AbstractContextManager[Proxy]:
    """Our gateway before a loopback port."""
    return program("gateway", upstream, TOKEN)


def aiohttp_proxy(upstream: int) -> contextlib.AbstractContextManager[Proxy]:
    """aiohttp before a loopback port."""
    return program("aiohttp_proxy", upstream, label="aiohttp")


@contextlib.contextmanager
def nginx(folder: Path, name: str, server: str, *, outside: str = "") -> Iterator[Proxy]:
    """An nginx with one worker.

    Args:
        folder: where its folder is made.
        name: of that folder, and of the result.
        server: what stands in its `server` block.
        outside: what stands beside that block.
    """
    port = _free_port()
    home = folder / name
    home.mkdir()
    (home / "nginx.conf").write_text(
        f"""
        daemon off; worker_processes 1; worker_rlimit_nofile 65536; pid {home}/pid; error_log {home}/error.log crit;
        {"user root;" if os.geteuid() == 0 else ""}
        events {{ worker_connections 32768; }}
        http {{
          access_log off; sendfile on; tcp_nopush on; default_type text/plain;
          keepalive_requests 100000000; keepalive_timeout 600s;
          client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;
          uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
          {outside}
          server {{ listen 127.0.0.1:{port} backlog=2048; {server} }}
        }}
        """
    )
    command = [tool("nginx"), "-p", str(home), "-c", str(home / "nginx.conf")]
    with subprocess.Popen(command) as process:
        try:
            worker = _worker_of(process)
            _wait_for(port)
            yield Proxy(name, port, worker)
        finally:
            process.terminate()


def nginx_proxy(
    folder: Path, upstream: int, directives: str = "", *, upgrades: bool = False
) -> contextlib.AbstractContextManager[Proxy]:
    """nginx before a loopback port, with the header fields that the gateway writes, too.

    Args:
        folder: where its folder is made.
        upstream: the port.
        directives: added to its `location`.
        upgrades: it passes upgrades on, instead of keeping its connections to the upstream.
    """
    connection = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    return nginx(
        folder,
        "nginx",
        f"""
        client_max_body_size 0;
        location / {{
          proxy_pass http://app; proxy_http_version 1.1; proxy_max_temp_file_size 0;
          {connection if upgrades else 'proxy_set_header Connection "";'}
          proxy_set_header Host localhost:3000;
          proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
          add_header Access-Control-Allow-Origin *; add_header Referrer-Policy same-origin;
          {directives}
        }}
        """,
        outside=f"upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}",
    )


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _worker_of(master: subprocess.Popen[bytes]) -> int:
    while master.poll() is None:
        children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise SystemExit("nginx did not start")
