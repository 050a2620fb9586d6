"""Each package's docstring is its map: it names every module of the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs.document import ROOT

SOURCE = ROOT / "src" / "hatchway"
PACKAGES = sorted(path.parent for path in SOURCE.glob("*/**/__init__.py"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_is_on_its_packages_map(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    named = {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", text)}
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    assert modules - named == set()
