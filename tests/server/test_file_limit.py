from __future__ import annotations

import resource
import subprocess
import sys

import pytest

_PROGRAM = """
import resource
from hatchway.server.file_limit import raise_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
raise_file_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("soft", [64, 512])
def test_as_many_open_files_as_are_allowed(soft: int) -> None:
    own_hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert own_hard >= 512
    # In a process of its own: a hard limit that was lowered can never be raised again.
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(soft=soft, hard=512)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
    )
    assert ran.stdout == "(512, 512)\n"
