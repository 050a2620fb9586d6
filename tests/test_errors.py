from __future__ import annotations

import pickle

import pytest

from hatchway import errors
from hatchway.errors import HatchwayError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HatchwayError)]


def test_the_hint_follows_the_message() -> None:
    assert str(HatchwayError("a_code", "What happened", "do this")) == "What happened (do this)"
    assert str(HatchwayError("a_code", "What happened")) == "What happened"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_code_message_hint_and_status(kind: type[HatchwayError]) -> None:
    error = kind("a_code", "message", "hint")
    assert (error.code, error.message, error.hint, error.status) == ("a_code", "message", "hint", kind.status)
    assert kind("a_code", "message").hint == ""


def test_a_status_of_its_own_changes_no_other_error() -> None:
    assert errors.Unavailable("port_closed", "m", status=502).status == 502
    assert errors.Unavailable("other", "m").status == 503


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickling(kind: type[HatchwayError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("a_code", "message", "hint", status=418)))
    assert (type(copy), copy.code, copy.message, copy.hint, copy.status) == (
        kind,
        "a_code",
        "message",
        "hint",
        418,
    )


def test_the_classes_cover_what_a_caller_would_do() -> None:
    statuses = {kind.__name__: kind.status for kind in KINDS}
    assert statuses == {
        "HatchwayError": 500,
        "InvalidRequest": 400,
        "AccessDenied": 403,
        "NotFound": 404,
        "Conflict": 409,
        "Unavailable": 503,
        "ConnectionFailed": 0,
    }
