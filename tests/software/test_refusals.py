from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.software.refusals import Wanted, no_command, npm_refusal, pip_refusal

WANTED = Wanted("mine", "tool@1", "npm registry")
NONE = "the npm registry has no tool@1 for this machine, which is the software 'mine'"
LATER = "tool@1, the software 'mine', could not be fetched from the npm registry"

PIP_WANTED = Wanted("mine", "tool==1", "Python package index")
PIP_NONE = "the Python package index has no tool==1 for this machine, which is the software 'mine'"
PIP_LATER = "tool==1, the software 'mine', could not be fetched from the Python package index"

NO_MATCH = "ERROR: No matching distribution found for tool==1\n"


def fetched(how: str) -> str:
    return f"Could not fetch URL https://x/tool/: {how} - skipping\n"


def npm_said(code: str, *lines: str, word: str = "error") -> str:
    return "\n".join([f"npm {word} code {code}", *(f"npm {word} {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        (npm_said("E404", "404 Not Found - GET http://u:p@x/tool"), "software_not_found", NONE),
        (npm_said("E404", word="ERR!"), "software_not_found", NONE),
        (npm_said("ETARGET", "notarget No matching version found for tool@1."), "software_not_found", NONE),
        (
            npm_said("ETARGET", "notarget No matching version found for @a/b@^2.0.0 || >=3."),
            "software_not_found",
            NONE + ": there is no @a/b@^2.0.0 || >=3",
        ),
        (
            npm_said("ETARGET", "notarget No matching version found for /root/secret."),
            "software_not_found",
            NONE,
        ),
        (npm_said("EBADPLATFORM"), "software_not_found", NONE),
        (npm_said("ECONNREFUSED", "syscall connect"), "software_unavailable", LATER + " (ECONNREFUSED)"),
        (npm_said("E401"), "software_unavailable", LATER + " (E401)"),
        (npm_said("ENOSPC"), "software_unavailable", LATER + " (ENOSPC)"),
        (npm_said("/root/secret"), "software_unavailable", LATER),
        ("Segmentation fault", "software_unavailable", LATER),
        ("", "software_unavailable", LATER),
    ],
)
def test_what_npm_means(said: str, code: str, message: str) -> None:
    error = npm_refusal(WANTED, said)
    assert (error.code, error.message) == (code, message)
    assert error.hint


def test_what_has_the_wrong_hash() -> None:
    for error in (
        npm_refusal(WANTED, npm_said("EINTEGRITY", "sha512-a integrity checksum failed")),
        pip_refusal(WANTED, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."),
    ):
        assert error.code == "software_unavailable"
        assert "does not have the hash that the npm registry gives" in error.message


@pytest.mark.parametrize(
    ("log", "code", "message"),
    [
        (
            fetched("404 Client Error: Not Found for url: https://x/tool/") + NO_MATCH,
            "software_not_found",
            PIP_NONE,
        ),
        (
            "ERROR: No matching distribution found for other<2,>=1.0\n",
            "software_not_found",
            PIP_NONE + ": there is no other<2,>=1.0",
        ),
        ("pip._vendor.resolvelib.resolvers.ResolutionImpossible: []", "software_not_found", PIP_NONE),
        (
            fetched("connection error: HTTPConnectionPool") + NO_MATCH,
            "software_unavailable",
            PIP_LATER,
        ),
        (
            fetched("503 Server Error") + NO_MATCH,
            "software_unavailable",
            PIP_LATER,
        ),
        ("Killed", "software_unavailable", PIP_LATER),
    ],
)
def test_what_pip_means(log: str, code: str, message: str) -> None:
    error = pip_refusal(PIP_WANTED, log)
    assert (error.code, error.message) == (code, message)


@given(st.text(), st.sampled_from([npm_refusal, pip_refusal]))
def test_whatever_they_say_is_not_repeated(text: str, refusal: type) -> None:
    said = npm_said("ETARGET", f"notarget No matching version found for {text}.")
    log = f"ERROR: No matching distribution found for {text}\n"
    for each in (npm_refusal(WANTED, said), pip_refusal(WANTED, log), npm_refusal(WANTED, text)):
        assert each.message.isprintable()
        assert "/root" not in each.message
        assert "://" not in each.message


def test_what_commands_there_are() -> None:
    error = no_command(WANTED, "tol", ["tool", "other"])
    assert error.code == "software_not_found"
    assert error.message == "tool@1 of the npm registry has no command 'tol' for the software 'mine'"
    assert error.hint == "its commands are: other, tool"
    assert no_command(WANTED, "tol", []).hint == "its commands are: none"
