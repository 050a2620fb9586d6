"""The made-up lower layer of every guest: its /etc, /home/user and the folders and links that a root file system has.

Made once per data folder and shared read-only by all VMs. Nothing in it comes from the host's /etc but public facts:
CA certificates, the linker's cache, and the Debian alternatives that say which of the host's programs `awk` means.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

FOLDERS = {
    "dev": 0o755,
    "etc": 0o755,
    "etc/ssl/certs": 0o755,
    "home/user": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "srv": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr": 0o755,
    "var/cache": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    "var/tmp": 0o1777,
}

ETC = {
    "passwd": (
        "root:x:0:0:root:/home/user:/bin/sh\n"
        "user:x:1000:1000:user:/home/user:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "group": "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost vm\n::1 localhost ip6-localhost\n",
    "hostname": "vm\n",
    "resolv.conf": "# A VM has no way out to a name server.\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": (
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"
    ),
    "shells": "/bin/sh\n/bin/bash\n",
    "services": "http 80/tcp\nhttps 443/tcp\nssh 22/tcp\ndomain 53/tcp\ndomain 53/udp\n",
    "protocols": "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6 41 IPv6\n",
    "profile": "export PATH HOME LANG\n",
    "os-release": 'PRETTY_NAME="Hatchway VM"\nNAME="Hatchway VM"\nID=hatchway\n',
}

CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
MERGED_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def build_skeleton(parent: Path) -> Path:
    """The skeleton under `parent`, made if it is not there or the host's part of it has changed.

    Returns:
        Its folder, named by a digest of its contents, so that a running VM's layer is never changed beneath it.
    """
    links = {name: f"usr/{name}" for name in MERGED_USR if Path("/usr", name).is_dir()}
    links |= {f"etc/alternatives/{name}": target for name, target in _alternatives().items()}
    links["etc/mtab"] = "/proc/self/mounts"
    files = {f"etc/{name}": text.encode() for name, text in ETC.items()}
    bundle = next((path for path in CA_BUNDLES if os.path.isfile(path)), None)
    if bundle is not None:
        files["etc/ssl/certs/ca-certificates.crt"] = Path(bundle).read_bytes()
    if os.path.isfile("/etc/ld.so.cache"):
        files["etc/ld.so.cache"] = Path("/etc/ld.so.cache").read_bytes()
    digest = hashlib.sha256(
        repr((sorted(FOLDERS.items()), sorted(links.items()), sorted(files.items()))).encode()
    )
    target = parent / f"skeleton-{digest.hexdigest()[:16]}"
    if not target.is_dir():
        _write(target, links, files)
    return target


def _alternatives() -> dict[str, str]:
    folder = Path("/etc/alternatives")
    if not folder.is_dir():
        return {}
    targets = {link.name: os.readlink(link) for link in folder.iterdir() if link.is_symlink()}
    return {name: target for name, target in targets.items() if target.startswith("/usr/")}


def _write(target: Path, links: dict[str, str], files: dict[str, bytes]) -> None:
    """Write beside `target` and rename: a half-made skeleton is never used."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix="skeleton-", dir=target.parent))
    try:
        for name, mode in FOLDERS.items():
            folder = temporary / name
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        for name, content in files.items():
            (temporary / name).write_bytes(content)
            (temporary / name).chmod(0o644)
        for name, link in links.items():
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).symlink_to(link)
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # another server has made it meanwhile: that is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
