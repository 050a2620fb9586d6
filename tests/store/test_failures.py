from __future__ import annotations

import errno
import logging
import sqlite3
from pathlib import Path

import pytest

from hatchway.errors import Conflict, HatchwayError
from hatchway.store.failures import translate

PATH = "/secret/place/hatchway.db"


def sqlite_error(path: Path, statement: str) -> sqlite3.Error:
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA max_page_count = 4")
        with pytest.raises(sqlite3.Error) as caught:
            connection.executescript(statement)
    finally:
        connection.close()
    return caught.value


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))", "storage_full"),
        ("SELECT nothing", "storage_failed"),
        ("CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1), (1)", "storage_failed"),
    ],
)
def test_errors_of_sqlite(tmp_path: Path, statement: str, code: str) -> None:
    error = translate(sqlite_error(tmp_path / "t.db", statement))
    assert isinstance(error, HatchwayError)
    assert (error.code, error.status) == (code, 503)
    assert error.hint


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "storage_full"),
        (errno.EDQUOT, "storage_full"),
        (errno.EACCES, "storage_failed"),
        (errno.EROFS, "storage_failed"),
    ],
)
def test_errors_of_the_file_system(number: int, code: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        error = translate(OSError(number, "no", PATH))
    assert isinstance(error, HatchwayError)
    assert error.code == code
    assert PATH not in str(error) + caplog.text
    assert errno.errorcode[number] in caplog.text


def test_an_error_of_pythons_own_module_without_a_code() -> None:
    error = translate(sqlite3.ProgrammingError(f"closed: {PATH}"))
    assert isinstance(error, HatchwayError)
    assert error.code == "storage_failed"
    assert PATH not in str(error)


def test_our_own_errors_stay() -> None:
    for own in (Conflict("a", "b"), ValueError("c")):
        assert translate(own) is own
