"""What to say of a name that nobody knows: the known one that it is most like. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hatchway.errors import InvalidRequest

LIKE = 0.6
"""From here on, of 0 to 1, two names are alike (the ratio of difflib's SequenceMatcher)."""


def unknown_setting(message: str, name: str, known: Mapping[str, str], all_of_them: str) -> InvalidRequest:
    """The error for a setting that does not exist.

    Args:
        message: what was given. Never its value, which may be a secret under a mistyped name.
        name: as it was given.
        known: how each setting is written where this one was given, by what `name` is compared with.
        all_of_them: where or which the settings are, for a name that is like none.

    Returns:
        `unknown_setting`, its hint naming the nearest.
    """
    import difflib  # not for every VM, whose memory begins with whatever `hatchway.options` imports

    like = difflib.get_close_matches(name, known, n=1, cutoff=LIKE)
    return InvalidRequest(
        "unknown_setting", message, f"did you mean {known[like[0]]}?" if like else all_of_them
    )
