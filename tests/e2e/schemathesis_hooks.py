"""What schemathesis loads beside the document (as SCHEMATHESIS_HOOKS): what to aim at, and checks of ours.

It runs in the process of `schemathesis run`; see test_openapi_fuzz.py.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import jsonschema
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

ANYWHERE = {(404, "unknown_action"), (405, "method_not_allowed")}
"""Refusals of what leads to no operation: an empty parameter of the path, a method that is not there."""

PROBLEM = {"code", "message", "hint"}
MORE = {"retry_after", "details"}

BEYOND_SCHEMAS = {
    "cron_job_too_large": "the bytes of all its words and variables are counted",
    "invalid_schedule": "a calendar is no regular expression",
    "invalid_time_zone": "which there are, the server's machine says",
    "archive_cut_short": "a body of bytes has no schema",
    "invalid_archive": "a body of bytes has no schema",
    "invalid_service": "a ready path needs a port",
    "invalid_offset": "how much a process has written changes",
    "command_too_long": "its bytes are counted, with those of all arguments and variables",
    "invalid_expiry": "the longest life of a preview is the server's setting",
    "invalid_key": "its bytes are counted, and JSON Schema counts characters",
    "invalid_path": "its bytes are counted, and JSON Schema counts characters",
    "invalid_stdin": "at most one of two fields may be other than null",
}
"""Refusals of what a schema cannot rule out, and why."""

NDJSON = "application/x-ndjson"

REFUSED_AS_INVALID = {400, 413, 415, 422}

VALID = {
    "vm_id": re.compile("[a-z0-9]{20}"),
    "pid": re.compile("[1-9][0-9]{0,9}"),
    "preview_id": re.compile("[0-9a-f]{20}"),
    "shell_id": re.compile("[0-9a-f]{20}"),
    "service": re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
}
"""Parameters of the path, and what is valid as one."""

DEFAULT_AIM = "FUZZED"
AIMS = {
    "destroyVm": "DESTROYED",
    "expirePreviewById": "REVOKED",
    "expireAllPreviews": "REVOKED",
    "stopProcess": "SIGNALLED",
    "killProcess": "SIGNALLED",
    "signalProcess": "SIGNALLED",
    "writeProcessStdin": "WRITTEN",
    "closeProcessStdin": "WRITTEN",
    "writeShell": "WRITTEN",
    "closeShell": "SIGNALLED",
    "wakeVm": "SLEPT",
    "pauseVm": "SLEPT",
    "sleepVm": "SLEPT",
    "setIdle": "SLEPT",
    "declareService": "SLEPT",
    "removeService": "SLEPT",
    "waitForPort": "SLEPT",
}
"""What operations are sent to, that others may find what they need: the environment variable {AIM}_{parameter} says
what its id is."""

FILE = "fuzzed/file.txt"
FOLDER = "fuzzed"
"""What is there when requests begin, and GET requests name."""

OF_FOLDERS = {"listFolder", "packFolder"}

EXISTING: dict[str, dict[str, Any]] = {"getOrCreateVm": {"name": "vm"}, "spawn": {"command": "true"}} | {
    "openShell": {"command": "true"},
    "declareService": {"command": "true", "wait": 0},
    "waitForPort": {"timeout": 0},
}
"""By operation, fields of a body that name what exists, and that nothing is waited for."""


EMPTY_ARCHIVE = bytes(1024)
"""Two blocks of zeros: the end of an archive (pax, in POSIX.1-2017)."""


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Leave out what the document says of answers that it does not name: there shall be none."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            del operation["responses"]["default"]


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Send what names something valid to something that exists: hardly any that is made up does."""
    operation = case.operation.definition.raw["operationId"]
    for name, value in case.path_parameters.items():
        if name in VALID and VALID[name].fullmatch(str(value)):
            case.path_parameters[name] = os.environ[f"{AIMS.get(operation, DEFAULT_AIM)}_{name}"]
    if operation == "readServiceLog" and case.query.get("follow") in ("true", True):
        case.query["follow"] = "false"  # one that is followed ends with its service
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.method == "GET" and "path" in case.query:
        case.query["path"] = FOLDER if operation in OF_FOLDERS else FILE
    if isinstance(case.body, dict):
        case.body.update(EXISTING.get(operation, {}))
    if operation == "unpackFolder":
        kwargs["data"] = EMPTY_ARCHIVE


@schemathesis.check
def what_fits_is_taken(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A request that fits its schema is not refused as invalid (it may still find nothing, or not be allowed)."""
    assert case.meta is not None
    if not case.meta.generation.mode.is_positive or response.status_code not in REFUSED_AS_INVALID:
        return
    code = response.json()["code"]
    # A whole number is one for JSON Schema with a fraction of zero too; here it is written without.
    assert code in BEYOND_SCHEMAS or has_fraction_of_zero(case.body), (
        f"the document allows it: {response.text}"
    )


def has_fraction_of_zero(body: object) -> bool:
    """Whether a number such as 3000.0 is anywhere in a body."""
    if isinstance(body, dict):
        return any(map(has_fraction_of_zero, body.values()))
    if isinstance(body, list):
        return any(map(has_fraction_of_zero, body))
    return isinstance(body, float) and body.is_integer()


@schemathesis.check
def lines_fit(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Each line of an answer of lines fits the schema, which schemathesis does not know to be one for lines."""
    media_type = response.headers.get("content-type", [""])[0]
    if response.status_code != 200 or media_type != NDJSON:
        return
    described = case.operation.definition.raw["responses"]["200"]["content"][NDJSON]["schema"]
    schema = {**described, "components": case.operation.schema.raw_schema["components"]}
    assert response.content.endswith(b"\n")
    for line in response.content.splitlines():
        jsonschema.validate(json.loads(line), schema, jsonschema.Draft202012Validator)


@schemathesis.check
def refusals_are_documented(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Each refusal is a Problem, with a code that the document names for its status."""
    if response.status_code < 400 or case.method == "HEAD":
        return
    problem = response.json()
    assert PROBLEM <= problem.keys() <= PROBLEM | MORE, f"no Problem: {problem}"
    if (response.status_code, problem["code"]) in ANYWHERE:
        return
    documented = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    codes = re.findall(r"`(\w+)`", documented.get("description", ""))
    assert problem["code"] in codes, f"not documented: {response.status_code} {problem['code']}"
