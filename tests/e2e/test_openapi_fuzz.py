"""The control API against its own OpenAPI document: schemathesis makes requests from it, valid and invalid, and a real
server with a real VM has to answer as it says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from docs.document import ROOT
from e2e.schemathesis_hooks import AIMS, DEFAULT_AIM, FILE
from e2e.server_process import ServerProcess, clean_environment

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

SEED = "6420"
EXAMPLES = "30"
"""Of hypothesis, for each operation; beside them come those that cover each schema systematically."""

EXCLUDED: dict[str, str] = {}
"""Operations that cannot be run blindly, and why."""

OTHER_CHECKS = {
    "positive_data_acceptance": "what_fits_is_taken says the same, and knows what schemas cannot say",
    "ignored_auth": "this server has no API token; test_error_shape.py asks every operation of one that has",
}
"""Checks of schemathesis that are left out, and why."""


def existing(http: httpx.Client, key: str, command: str) -> dict[str, str]:
    """What requests are aimed at, by the name of the parameter: a VM of that key, and what is in it: a file, a preview,
    a declared service, a shell, and a process that runs the command."""
    vm_id = http.post("/api/vms", json={"name": "vm", "key": key}).json()["id"]
    vm = f"/api/vms/{vm_id}"
    pid = http.post(f"{vm}/processes", json={"command": command}).json()["pid"]
    file = {"path": FILE, "parents": "true"}
    assert http.put(f"{vm}/files", params=file, content="text").status_code == 200
    preview = http.post(f"{vm}/previews", json={"port": 3000}).json()
    assert http.put(f"{vm}/services/idler", json={"command": "cat"}).status_code == 200
    shell = http.post(f"{vm}/shells", json={"command": "cat"}).json()["shell_id"]
    found = {"vm_id": vm_id, "pid": str(pid), "preview_id": preview["id"], "service": "idler"}
    return found | {"shell_id": shell}


def test_the_server_answers_as_its_document_says(own_server: ServerProcess, tmp_path: Path) -> None:
    with httpx.Client(base_url=own_server.url, trust_env=False, timeout=30) as http:
        fuzzed = existing(http, DEFAULT_AIM, "true")
        # So that waiting for it ends.
        ended = http.get(f"/api/vms/{fuzzed['vm_id']}/processes/{fuzzed['pid']}/wait").json()
        assert ended["exit_code"] == 0
        document = http.get("/api/openapi.json")
        # As a file: from its URL, the operation that it came from would be left out.
        (tmp_path / "openapi.json").write_bytes(document.content)
        targets = {DEFAULT_AIM: fuzzed} | {aim: existing(http, aim, "cat") for aim in AIMS.values()}
        environment = {f"{aim}_{name}": value for aim, ids in targets.items() for name, value in ids.items()}
        ran = run_schemathesis(own_server.url, tmp_path, environment)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert f"Tested: {sum(map(len, document.json()['paths'].values())) - len(EXCLUDED)}\n" in ran.stdout
        vm = http.get(f"/api/vms/{fuzzed['vm_id']}").json()
        assert vm["state"] == "running", "nothing that was sent ended the VM"
    assert b" ERROR " not in own_server.output
    assert b"Traceback" not in own_server.output


def undocumented_status(document: dict[str, Any]) -> str:
    del document["paths"]["/api/vms/{vm_id}"]["get"]["responses"]["404"]
    return "Undocumented status code"


def undocumented_code(document: dict[str, Any]) -> str:
    document["paths"]["/api/vms/{vm_id}"]["get"]["responses"]["404"]["description"] = "`gone`"
    return "not documented: 404 vm_not_found"


def another_answer(document: dict[str, Any]) -> str:
    document["components"]["schemas"]["Vm"]["properties"]["created_at"] = {"type": "number"}
    return "Response violates schema"


@pytest.mark.parametrize("lie", [undocumented_status, undocumented_code, another_answer])
def test_a_document_that_lies_is_found_out(
    own_server: ServerProcess, tmp_path: Path, lie: Callable[[dict[str, Any]], str]
) -> None:
    with httpx.Client(base_url=own_server.url, trust_env=False, timeout=30) as http:
        made = http.post("/api/vms", json={"name": "vm", "key": "lied about"}).json()
        document = http.get("/api/openapi.json").json()
    found = lie(document)
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    environment = {f"{DEFAULT_AIM}_vm_id": made["id"]}
    ran = run_schemathesis(own_server.url, tmp_path, environment, "--include-operation-id", "getVm")
    assert ran.returncode == 1
    assert found in ran.stdout, ran.stdout


def run_schemathesis(
    url: str, folder: Path, environment: Mapping[str, str], *more: str
) -> subprocess.CompletedProcess[str]:
    """Run it once over all operations of `folder/openapi.json`; its exit code is 0 if it found nothing."""
    options = {
        "--url": url,
        "--phases": "coverage,fuzzing",
        "--checks": "all",
        "--exclude-checks": ",".join(OTHER_CHECKS),
        "--seed": SEED,
        "--max-examples": EXAMPLES,
        "--request-timeout": "20",
    }
    excluded = (word for name in EXCLUDED for word in ("--exclude-operation-id", name))
    command = (sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--no-color")
    return subprocess.run(
        [*command, "--continue-on-failure", *chain(*options.items()), *excluded, *more],
        cwd=folder,
        env=clean_environment(
            PYTHONPATH=str(ROOT / "tests"), SCHEMATHESIS_HOOKS="e2e.schemathesis_hooks", **environment
        ),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
