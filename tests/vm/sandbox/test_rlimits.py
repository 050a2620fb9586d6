"""Limits of made-up processes; that they hold in VMs is in security/test_limits.py."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

from hatchway.vm.sandbox.rlimits import RLIMITS

_PROGRAM = """
import json, resource, sys
from hatchway.vm.sandbox import rlimits
wanted = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
rlimits.apply(wanted)
print(json.dumps({name: resource.getrlimit(rlimits.RLIMITS[name]) for name in wanted}))
"""


def _apply(wanted: dict[str, int]) -> dict[str, list[int]]:
    """The limits of a process of its own after `apply`."""
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(wanted)],
        capture_output=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    limits: dict[str, list[int]] = json.loads(ran.stdout)
    return limits


def test_soft_and_hard_limits_are_set() -> None:
    wanted = {"open_files": 50, "core_bytes": 0, "file_bytes": 1 << 30}
    assert _apply(wanted) == {name: [value, value] for name, value in wanted.items()}


def test_no_limit_is_raised() -> None:
    assert _apply({"open_files": 1_000_000}) == {"open_files": [200, 200]}


def test_every_limit_has_a_resource_of_its_own() -> None:
    assert len(set(RLIMITS.values())) == len(RLIMITS)
    assert RLIMITS["processes"] == resource.RLIMIT_NPROC
