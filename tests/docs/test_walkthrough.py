from __future__ import annotations

import os
from pathlib import Path

import pytest

from docs.walkthrough import follow

TOKEN = "x1" * 16

FINE = f"""
```python
# said.py
print("http://{"ab" * 16}.localhost:7/ at localhost:6420")
```

```console
$ cat said.py | wc -l
2
$ python3 said.py
http://{TOKEN}.localhost:9/ at localhost:6420
$ echo {TOKEN} | cut -c 1-4; false
{TOKEN[:4]}
```
"""


def walked(text: str, folder: Path) -> dict[int, str]:
    return follow("a page", text, folder, dict(os.environ), "localhost:7")


def python(code: str) -> str:
    return f"```python\n{code}\n```\n"


def console(text: str) -> str:
    return f"```console\n{text}\n```\n"


def test_files_are_saved_and_what_a_page_names_again_is_the_real_thing(tmp_path: Path) -> None:
    said = walked(FINE.replace(f"{TOKEN[:4]}\n", "abab\n"), tmp_path)
    assert said == {}
    assert "localhost:7" in (tmp_path / "said.py").read_text()
    assert list(walked(FINE, tmp_path)) == [7]


def test_python_is_one_program_that_may_await(tmp_path: Path) -> None:
    text = python("import asyncio\nx = await asyncio.sleep(0, 4)") + python("print(x)  # 4")
    assert walked(text, tmp_path) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        python("print(1)  # 2"),
        python("print(1)"),
        python("print(1)  # 1\nraise OSError"),
        python("no code"),
        console("$ echo 1\n2"),
        console("$ echo 1"),
        console("$ true\n1"),
        console("no command"),
        console("$ hatchway-is-not-here"),
    ],
)
def test_what_is_not_as_a_page_says_is_wrong_and_what_follows_is_not_reached(
    wrong: str, tmp_path: Path
) -> None:
    said = walked(python("a = 1") + wrong + python("b = 2"), tmp_path)
    assert len(said) == 2
    first, second = sorted(said)
    assert first == 4
    assert "failed before" not in said[first]
    assert "in vain" not in said[first]
    assert said[second] == "a page:4 failed before"


def test_a_server_stays_up_to_the_pages_end(tmp_path: Path) -> None:
    server = python(
        "# server.py\nimport os, time\n"
        "open('pid', 'w').write(str(os.getpid()))\n"
        "try:\n    print('port', os.environ['HATCHWAY_PORT'], flush=True)\n    time.sleep(1000)\n"
        "except KeyboardInterrupt:\n    print('stopping')"
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to("/usr/bin/python3")
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    up = console("$ python server.py\nport 0") + console("$ test -d /proc/$(cat pid); echo $?\n0")
    assert follow("a page", server + up, tmp_path, environment, "localhost:7") == {}
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()
    broken = server.replace("print('stopping')", "raise")
    assert list(follow("a page", broken + up, tmp_path, environment, "localhost:7")) == [0]
