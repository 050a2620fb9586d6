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
from hatchway.server.setting_table import CLIENT_VARIABLES, LIMIT, PREFIX, SETTINGS, VARIABLES, Setting

README = read("README.md")
PAGE = read("docs/configuration.md")
CONFIGURATION = PAGE.partition("\n## Settings of a server\n")[2].partition("\n## ")[0]

_VARIABLE = re.compile(r"""["'](HATCHWAY_[A-Z_]+|XDG_[A-Z_]+)["']""")
_ROW = re.compile(r"^\| (`.+) \|$", re.MULTILINE)
SETTING_ROWS, OTHER_VARIABLES = (
    [[cell.strip() for cell in row.split("|")] for row in _ROW.findall(table)]
    for table in CONFIGURATION.split("\n| environment variable | read by |")
)


def documented(setting: Setting) -> list[str]:
    """The first cells of a setting's row."""
    default = "none" if setting.default == "none" else f"`{setting.default}`"
    flag = "" if setting.flag is None else f"`{setting.flag}`"
    return [f"`{setting.name}`", f"`{setting.variable}`", flag, default]


def test_every_setting_is_documented_as_the_table_has_it() -> None:
    limits = f"`gateway_limits` | `{PREFIX}{LIMIT.upper()}{{NAME}}` | `--limit`".split(" | ")
    expected = [documented(each) for each in SETTINGS.values() if each.limit is None]
    assert [row[:4] for row in SETTING_ROWS[:-1]] == expected
    assert SETTING_ROWS[-1][:3] == limits
    assert all(len(row) == 5 and row[4] for row in SETTING_ROWS)


def test_every_environment_variable_is_documented() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(_VARIABLE.findall(sources))
    assert {each for each in used if each.startswith(PREFIX)} <= CLIENT_VARIABLES | VARIABLES.keys()
    others = {name for row in OTHER_VARIABLES for name in re.findall(r"`([A-Z_]+)`", row[0])}
    assert others - {"SSL_CERT_FILE", "SSL_CERT_DIR"} == used - VARIABLES.keys()
    assert others >= CLIENT_VARIABLES


def test_every_option_of_serve_is_documented() -> None:
    group: typer.core.TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]
    options = {name for each in group.commands["serve"].params for name in each.opts if name.startswith("--")}
    named = {row[2].strip("`") for row in SETTING_ROWS} - {""}
    assert "--port" in named
    assert named | {"--show-config", "--json"} == options
    assert "--show-config" in CONFIGURATION
    assert "--json" in CONFIGURATION


def test_defaults_are_as_documented() -> None:
    text = PAGE.partition("\n## Limits of a VM\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)`[^|]*\| ([\d,]+(?: [MG]iB)?) \|", text, re.MULTILINE))
    units = {"": 1, "MiB": MIB, "GiB": GIB}
    values = {}
    for name, value in documented.items():
        number, _, unit = value.replace(",", "").partition(" ")
        values[name] = int(number) * units[unit]
    without = re.findall(r"^\| `(\w+)`[^|]*\| none \|", text, re.MULTILINE)
    assert values | dict.fromkeys(without) == dataclasses.asdict(Limits())
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
