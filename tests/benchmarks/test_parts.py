"""Every benchmark is on the page, says its command, and is on the package's map."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType

import pytest
from benchmarks.__main__ import PARTS, about, command

from docs.document import ROOT

FOLDER = ROOT / "benchmarks"
MODULES = {path.stem: path for path in FOLDER.glob("*.py") if not path.stem.startswith("__")}


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_every_benchmark_is_a_part_of_the_page() -> None:
    measuring = {name for name, path in MODULES.items() if "run" in functions(path)}
    assert {module.__name__.rpartition(".")[2] for _, module in PARTS} == measuring


@pytest.mark.parametrize("module", [module for _, module in PARTS], ids=lambda module: module.__name__)
def test_every_part_says_how_to_measure_it_alone(module: ModuleType) -> None:
    assert f"    {command(module)} [--quick]" in (module.__doc__ or "")
    assert about(module)
    assert command(module) not in about(module)


@pytest.mark.parametrize("package", ["", "programs"])
def test_every_module_is_on_the_map(package: str) -> None:
    folder = FOLDER / package
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    named = set(re.findall(r"`([\w.]+)`", text))
    assert {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")} - named == set()
