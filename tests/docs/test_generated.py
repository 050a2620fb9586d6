"""The generated pages, and the synchronous client, are what the code says now; the site can be built."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import hatchway.client
import hatchway.software
from docs.document import ROOT, read


def generate(*arguments: str, tool: Path = ROOT / "tools/generate-docs") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, tool, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_generated_pages_are_up_to_date() -> None:
    ran = generate("--check")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_check_finds_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "docs").mkdir()
    tool = tmp_path / "tools/generate-docs"
    tool.write_text(read("tools/generate-docs"))
    for module in ("docstrings.py", "python_api.py"):
        (tmp_path / "tools" / module).write_text(read(f"tools/{module}"))
    ran = generate("--check", tool=tool)
    assert ran.returncode == 1
    assert "command-line.md, http-api.md, python-api.md" in ran.stderr
    assert list((tmp_path / "docs").iterdir()) == []
    assert generate(tool=tool).returncode == 0
    assert generate("--check", tool=tool).returncode == 0
    page = tmp_path / "docs/command-line.md"
    assert page.read_text() == read("docs/command-line.md")
    page.write_text(page.read_text().replace("--port", "--prot"))
    assert generate("--check", tool=tool).returncode == 1


def test_what_is_no_option_is_refused() -> None:
    assert generate("--chekc").returncode == 2


def test_every_public_name_is_on_the_page_of_the_python_api() -> None:
    page = read("docs/python-api.md")
    described = set(re.findall(r"^###+ (?:\w+[. ])?(\w+)$", page, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", page))  # the synchronous twins, and names for the same
    for public in (hatchway, hatchway.client, hatchway.software):
        for name in set(public.__all__) - {"__version__"}:
            assert name in described | named, name
            assert name in described or name.startswith(("Sync", "Client", "create_client")), name
    for actions in (hatchway.Agent, hatchway.AsyncClient, hatchway.client.Process):
        names = {name for name in dir(actions) if not name.startswith("_")}
        assert names <= described, names - described


def test_the_synchronous_client_is_up_to_date() -> None:
    ran = generate("--check", tool=ROOT / "tools/generate-sync-client")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_site_is_built_without_a_warning_and_needs_no_other_server(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "WARNING" not in ran.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 10
    loaded = {
        address
        for page in pages
        for address in re.findall(
            r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="(https?://[^"]+)"', page.read_text()
        )
    }
    assert loaded == set()
