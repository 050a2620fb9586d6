"""What can be configured is documented, and what is documented can be configured."""

from __future__ import annotations

import dataclasses
import re

import pytest
import typer.main

from docs.document import ROOT, read
from hatchway.cli.app import app
from hatchway.gateway.limits import GatewayLimits
from hatchway.options import GIB, MIB, Limits, PreviewOptions
from hatchway.server.settings import DEFAULT_PORT

README = read("README.md")
CONFIGURATION = README.partition("\n## Configuration\n")[2].partition("\n## ")[0]

_VARIABLE = re.compile(r"""["'](HATCHWAY_[A-Z_]+|XDG_[A-Z_]+)["']""")
_FIRST_CELL = re.compile(r"^\| `([^`]+)`", re.MULTILINE)


def first_cells(prefix: str) -> set[str]:
    return {cell for cell in _FIRST_CELL.findall(CONFIGURATION) if cell.startswith(prefix)}


def test_every_environment_variable_is_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(_VARIABLE.findall(sources))
    assert "HATCHWAY_TOKEN" in used
    assert first_cells("HATCHWAY_") | first_cells("XDG_") == used


def test_every_option_of_serve_is_documented() -> None:
    group: typer.core.TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    options = {name for each in group.commands["serve"].params for name in each.opts if name.startswith("--")}
    assert "--port" in options
    assert first_cells("--") == options


def test_defaults_are_as_documented() -> None:
    assert f"| `--port` | `{DEFAULT_PORT}` |" in README
    text = README.partition("\n## Limits\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)`[^|]*\| ([\d,]+(?: [MG]iB)?) \|", text, re.MULTILINE))
    units = {"": 1, "MiB": MIB, "GiB": GIB}
    values = {}
    for name, value in documented.items():
        number, _, unit = value.replace(",", "").partition(" ")
        values[name] = int(number) * units[unit]
    assert values == dataclasses.asdict(Limits())
    defaults = PreviewOptions()
    assert f"default_expires_in_seconds={defaults.default_expires_in_seconds}" in README
    assert f"max_expires_in_seconds={defaults.max_expires_in_seconds}" in README


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("docs/gateway-behavior.md", r"^\| `(\w+)` \| [^|]+ \| ([\d,.]+) \|"),
        ("docs/deploy.md", r"^\| `(\w+)` \| ([\d,.]+) \|"),
    ],
)
def test_every_limit_of_the_gateway_has_its_row(page: str, row: str) -> None:
    text = read(page).partition("\n## Limits and time-outs\n")[2].partition("\n## ")[0]
    rows = {name: float(value.replace(",", "")) for name, value in re.findall(row, text, re.MULTILINE)}
    assert rows == dataclasses.asdict(GatewayLimits())


def test_the_style_of_contributing_names_real_targets() -> None:
    makefile = read("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(
        re.findall(r"`make ([a-z-]+)", "".join(read(f"{name}.md") for name in ("README", "CONTRIBUTING")))
    )
    assert named <= targets
    assert targets - named <= {"help"}
