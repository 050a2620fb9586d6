"""How samples are taken and summed up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar


class Named(Protocol):
    """What is measured in turn."""

    @property
    def name(self) -> str:
        """What its samples are found by."""
        ...


Subject = TypeVar("Subject", bound=Named)
Sample = TypeVar("Sample")


def alternate(
    rounds: int, subjects: Sequence[Subject], measure: Callable[[Subject], Sample]
) -> dict[str, list[Sample]]:
    """Samples of all subjects in short rounds, so that all meet the same machine.

    The order turns around with every round: nobody always follows the same one.

    Args:
        rounds: how many samples of each.
        subjects: what is measured.
        measure: takes one sample.

    Returns:
        The samples of each subject by its name.
    """
    samples: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            samples[subject.name].append(measure(subject))
    return samples


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` per cent of all are not above (nearest rank).

    Args:
        samples: at least one, in any order.
        percent: above 0 and at most 100.
    """
    ordered = sorted(samples)
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1]
