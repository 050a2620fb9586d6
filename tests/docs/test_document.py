from __future__ import annotations

import pytest

from docs.document import Block, Shown, align, anchors, blocks, commands, links, normalise, real_names

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
    assert (align(shown.split(), real.split()) is not None) is same


def test_what_differs_from_run_to_run() -> None:
    one = f"http://{'a' * 32}.localhost:1/ at 2026-01-01T00:00:00Z took 1.5 ms  \nx"
    two = f"http://{'b' * 32}.localhost:22/ at 2027-11-11T11:11:11.5+00:00 took 20 ms\nx"
    assert normalise(one) == normalise(two) == "http://TOKEN.localhost:PORT/ at TIME took DURATION\nx"
    assert normalise("200 OK\n") != normalise("201 OK\n")


def test_what_a_document_calls_by_an_example_is_found_in_what_is_real() -> None:
    token, id_ = "a1" * 16, "b2" * 10
    shown = [f"http://{'x' * 32}.localhost:6420/", "…", f"id {'y' * 20}, at 127.0.0.1:8000"]
    real = [f"http://{token}.localhost:1/", "other", f"id {id_}, at 127.0.0.1:22"]
    lines = align(shown, real)
    assert lines == [(shown[0], real[0]), (shown[2], real[2])]
    assert real_names(lines) == {
        "x" * 32: token,
        "localhost:6420": "localhost:1",
        "y" * 20: id_,
        "127.0.0.1:8000": "127.0.0.1:22",
    }


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("# app.py", "app.py"),
        ("// server.js", "server.js"),
        ("<!-- index.html -->", "index.html"),
        ("# A comment", None),
        ("# see app.py", None),
        ("import app", None),
    ],
)
def test_files(first: str, name: str | None) -> None:
    assert Block("", f"{first}\nx\n", 1).file == name
