"""mkdocs hooks: pages at the root of the repository are on the site too, and links to them work as in a checkout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("SECURITY.md", "SPECIFICATION.md", "ARCHITECTURE.md", "CONTRIBUTING.md")

_TO_ROOT = re.compile(rf"\]\(\.\./((?:\.\./)*(?:{'|'.join(map(re.escape, PAGES))}))")
_TO_DOCS = re.compile(r"\]\(docs/")
_TO_OTHER_FILES = re.compile(r"\[(`?)([^]\[`]+)`?\]\((?:examples|LICENSE)[^)]*\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages."""
    for name in PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Have links lead to where the pages are on the site; to what is no page, there is none."""
    if page.file.src_uri in PAGES:
        return _TO_OTHER_FILES.sub(r"\1\2\1", _TO_DOCS.sub("](", markdown))
    return _TO_ROOT.sub(r"](\1", markdown)
