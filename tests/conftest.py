"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# No example has a deadline: on a busy machine it would fail a test that says nothing about time.
settings.register_profile("hatchway", deadline=None)
settings.load_profile("hatchway")
