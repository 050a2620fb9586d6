from __future__ import annotations

import pytest

from docs.document import Block, Shown, anchors, blocks, commands, links, normalise, shows

TEXT = """# A title: it's `code`

[one](two.md#three) and ![four](five)

```python
[six](seven)
# not a heading
```

## Second
"""


def test_parts() -> None:
    assert blocks(TEXT, "python") == [Block("python", "[six](seven)\n# not a heading\n", 5)]
    assert blocks(TEXT, "console") == []
    assert links(TEXT) == ["two.md#three", "five"]
    assert anchors(TEXT) == ["a-title-its-code", "second"]


def test_commands() -> None:
    block = Block("console", "$ one --a\n$ two\nout\n\nmore\n", 1)
    assert commands(block) == [Shown("one --a", []), Shown("two", ["out", "", "more"])]


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("", "", True),
        ("a", "a", True),
        ("a", "b", False),
        ("a", "a b", False),
        ("a …", "a b c", True),
        ("… c", "a b c", True),
        ("a … c", "a c", True),
        ("… b … d", "a b c d", True),
        ("… b … d", "a d b", False),
        ("… b", "a b c", False),
    ],
)
def test_gaps(shown: str, real: str, same: bool) -> None:
    assert shows(shown.split(), real.split()) is same


def test_what_differs_from_run_to_run() -> None:
    one = f"http://{'a' * 32}.localhost:1/ at 2026-01-01T00:00:00Z took 1.5 ms  \nx"
    two = f"http://{'b' * 32}.localhost:22/ at 2027-11-11T11:11:11.5+00:00 took 20 ms\nx"
    assert normalise(one) == normalise(two) == "http://TOKEN.localhost:PORT/ at TIME took DURATION\nx"
    assert normalise("200 OK\n") != normalise("201 OK\n")
