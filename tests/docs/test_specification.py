"""Every promise is numbered, and enforced by tests that exist."""

from __future__ import annotations

import re

from docs.document import read
from docs.named_tests import NAMED_TEST, not_there

_PROMISE = re.compile(r"^- \*\*P(\d+)\.\*\* (.+)$")
_TEST = re.compile(rf"^  - `{NAMED_TEST.pattern}`$")
_NUMBER = re.compile(r"\bP\d+\b")


def promises() -> list[tuple[int, str, list[tuple[str, str]]]]:
    """Number, sentence, and tests (file, name in it) of each promise. Fails at a line that is none of those."""
    found: list[tuple[int, str, list[tuple[str, str]]]] = []
    for line in read("SPECIFICATION.md").splitlines():
        promise, test = _PROMISE.match(line), _TEST.match(line)
        if promise is not None:
            found.append((int(promise[1]), promise[2], []))
        elif test is not None:
            found[-1][2].append((test[1], test[2]))
        else:
            assert not line.lstrip().startswith(("-", "`")), f"neither a promise nor a test: {line}"
            assert not _NUMBER.search(line), f"not in the form of a promise: {line}"
    return found


def test_numbers_are_in_order() -> None:
    numbers = [number for number, _, _ in promises()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 100


def test_each_promise_is_one_sentence_of_its_own() -> None:
    sentences = [sentence for _, sentence, _ in promises()]
    assert len(set(sentences)) == len(sentences)
    assert [sentence for sentence in sentences if not sentence.endswith(".")] == []


def test_each_promise_is_enforced_by_tests_that_exist() -> None:
    missing = []
    for number, _, tests in promises():
        if not tests:
            missing.append(f"P{number} has no test")
        missing += [f"P{number}: there is no {name}" for name in not_there(tests)]
        assert len(set(tests)) == len(tests), f"P{number} names a test twice"
    assert missing == []
