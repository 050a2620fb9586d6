from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hatchway.cli.registry_loader import default_registry, load_registry
from hatchway.errors import InvalidRequest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, importable only by being that."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def refused(text: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        load_registry(text)
    assert caught.value.code == "invalid_registry"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def test_the_default_has_one_kind() -> None:
    assert [item.name for item in default_registry().kinds["vm"].software] == ["common", "node"]


def test_a_registry_in_the_current_directory(folder: Path) -> None:
    text = "from hatchway import agent_os, setup\nregistry = setup(use={'mine': agent_os()})\n"
    write(folder / "my_server.py", text)
    write(folder / "my_package" / "inner.py", text)
    assert list(load_registry("my_server:registry").kinds) == ["mine"]
    assert list(load_registry("my_package.inner:registry").kinds) == ["mine"]


@pytest.mark.parametrize("text", ["", "x", "x:", ":x", "my server:x", "x:a.b", "./x:y", "x.py:", "..x:y"])
def test_what_is_no_name_of_a_registry(folder: Path, text: str) -> None:
    assert refused(text).hint == "for registry in server.py: hatchway serve server:registry"


def test_no_such_module(folder: Path) -> None:
    assert refused("my_nothing:registry").message == "there is no module 'my_nothing'"
    write(folder / "my_package" / "__init__.py", "")
    assert refused("my_package.nothing:registry").message == "there is no module 'my_package.nothing'"


def test_a_module_that_wants_another(folder: Path) -> None:
    write(folder / "my_server.py", "\nimport my_dependency\n")
    error = refused("my_server:registry")
    assert error.message == "importing my_server failed: ModuleNotFoundError: No module named 'my_dependency'"
    assert error.hint == "see my_server.py, line 2"


def test_a_module_that_fails(folder: Path) -> None:
    write(folder / "my_server.py", "def work():\n    return 1 / 0\nwork()\n")
    error = refused("my_server:registry")
    assert error.message == "importing my_server failed: ZeroDivisionError: division by zero"
    assert error.hint == "see my_server.py, line 2"


def test_a_module_that_is_no_python(folder: Path) -> None:
    write(folder / "my_server.py", "x = 1\nx = = 2\n")
    error = refused("my_server:registry")
    assert "SyntaxError" in error.message
    assert error.hint == "see my_server.py, line 2"


def test_no_such_name(folder: Path) -> None:
    write(
        folder / "my_server.py",
        "from hatchway import agent_os, setup\nmine = setup(use={'vm': agent_os()})\n",
    )
    error = refused("my_server:registry")
    assert error.message == "the module my_server has no 'registry'"
    assert error.hint == "hatchway serve my_server:mine"


def test_not_a_registry(folder: Path) -> None:
    write(folder / "my_server.py", "registry = {}\n")
    assert refused("my_server:registry").message == "my_server:registry is dict, not a registry"
