"""The reverse proxies of docs/deploy.md, as real child processes with the very configurations that the page shows."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from docs.document import blocks, read
from e2e.visitor import ADDRESS, CertificateFiles
from e2e.waiting import wait_until

DOMAIN = "preview.example.com"
"""The preview domain of the page."""

_ATTEMPTS = 5


class ReverseProxy:
    """A reverse proxy in front of a server. A context manager, which ends it.

    Args:
        kind: `nginx` or `caddy`.
        folder: for its files.
        files: its certificate, for `DOMAIN` and all names below it.
        upstream: the server's port.
    """

    def __init__(self, kind: str, folder: Path, files: CertificateFiles, upstream: int) -> None:
        self._folder = folder
        self._log = folder / "log"
        start = {"nginx": self._nginx, "caddy": self._caddy}[kind]
        for _ in range(_ATTEMPTS):
            self.http_port, self.https_port = _free_ports(2)
            if self._starts(start, files, upstream):
                return
        raise AssertionError(f"{kind} did not start: {self._log.read_text()}")

    @property
    def output(self) -> str:
        """What it has written to its log."""
        return self._log.read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _starts(
        self, start: Callable[[CertificateFiles, int], list[str]], files: CertificateFiles, upstream: int
    ) -> bool:
        """Whether it runs; it does not if somebody was faster to take one of its ports."""
        command = start(files, upstream)
        homes = {name: str(self._folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **homes}
            )
        try:
            wait_until(
                lambda: self._process.poll() is not None or self._listens(), "the reverse proxy listens"
            )
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self._process.poll() is None

    def _listens(self) -> bool:
        try:
            for port in (self.http_port, self.https_port):
                socket.create_connection((ADDRESS, port)).close()
        except ConnectionRefusedError:
            return False
        return True

    def _nginx(self, files: CertificateFiles, upstream: int) -> list[str]:
        block = _adapted(
            "nginx",
            {
                r"listen 80;": f"listen {ADDRESS}:{self.http_port};",
                r"listen 443 ": f"listen {ADDRESS}:{self.https_port} ",
                r" *listen \[::\]:.*\n": "",  # the same on IPv6, which not every machine has
                r"/etc/hatchway/fullchain\.pem": str(files.certificate),
                r"/etc/hatchway/privkey\.pem": str(files.key),
                r"127\.0\.0\.1:6420": f"127.0.0.1:{upstream}",
            },
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{kind}_temp_path {self._folder};\n" for kind in kinds)
        path = self._folder / "nginx.conf"
        path.write_text(
            f"daemon off; master_process off; pid {self._folder}/nginx.pid; error_log stderr;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{folders}{block}}}\n"
        )
        return [_program("nginx"), "-e", "stderr", "-p", str(self._folder), "-c", str(path)]

    def _caddy(self, files: CertificateFiles, upstream: int) -> list[str]:
        block = _adapted(
            "caddyfile",
            {
                r"/etc/hatchway/fullchain\.pem": str(files.certificate),
                r"/etc/hatchway/privkey\.pem": str(files.key),
                r"127\.0\.0\.1:6420": f"127.0.0.1:{upstream}",
            },
        )
        path = self._folder / "Caddyfile"
        path.write_text(
            f"{{\nadmin off\ndefault_bind {ADDRESS}\n"
            f"http_port {self.http_port}\nhttps_port {self.https_port}\n}}\n{block}"
        )
        return [_program("caddy"), "run", "--config", str(path), "--adapter", "caddyfile"]


def is_installed(kind: str) -> bool:
    """Whether this machine has it."""
    return shutil.which(kind, path=_PATH) is not None


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
"""Debian keeps nginx where an ordinary user's PATH does not lead."""


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    assert found is not None
    return found


def _adapted(language: str, replacements: dict[str, str]) -> str:
    """The page's one block in a language, with what must differ in a test replaced."""
    (block,) = blocks(read("docs/deploy.md"), language)
    text = block.text
    for pattern, replacement in replacements.items():
        text, count = re.subn(pattern, replacement.replace("\\", r"\\"), text)
        assert count, f"the configuration for {language} has no {pattern}"
    return text


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server((ADDRESS, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in held]
