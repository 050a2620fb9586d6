from __future__ import annotations

import pytest

from cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "without an API token"),
        (["--port", "70000"], "port must be"),
        (["--preview-domain", "http://x"], "preview_domain must be"),
        (["nonsense"], "not of the form module:registry"),
    ],
)
async def test_what_cannot_be_served_is_told_before_anything_starts(
    run: Run, arguments: list[str], message: str
) -> None:
    ran = await run("serve", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert message in ran.err
    assert " hint: " in ran.err or message == "port must be"
