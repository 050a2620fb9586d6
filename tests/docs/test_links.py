"""Links within the repository lead somewhere."""

from __future__ import annotations

import pytest

from docs.document import DOCUMENTS, ROOT, anchors, links, read

MEASURED = "docs/performance.md"
"""Written by `make bench`, so a checkout may be without it."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_resolve(document: str) -> None:
    broken = []
    for link in links(read(document)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        if target == ROOT / MEASURED and not target.exists():
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_headings_have_names_of_their_own(document: str) -> None:
    names = anchors(read(document))
    assert len(set(names)) == len(names)


def test_every_page_and_example_is_linked() -> None:
    linked = {link.partition("#")[0] for link in links(read("README.md"))}
    pages = {page for page in DOCUMENTS if page not in ("README.md", MEASURED)}
    examples = {path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").glob("*.py")}
    assert (pages | examples) - linked == set()
