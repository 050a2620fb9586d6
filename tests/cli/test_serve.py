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
        (["--public-url", "https://preview.example.org"], "reaches the proxy"),
        (["--public-url", "preview.example.org"], "public_url must be"),
        (["--trusted-proxy", "proxy.example.org"], "a trusted proxy must be"),
        (["--trusted-proxy", "192.0.2.1", "--trusted-proxy", "0.0.0.0/0"], "forge its address"),
        (["--tls-cert", "cert.pem"], "tls_cert is given without tls_key"),
        (["--limit", "head_second=1"], "there is no limit named 'head_second'"),
        (["--limit", "head_seconds=soon"], "the limit head_seconds must be a number"),
    ],
)
async def test_what_cannot_be_served_is_told_before_anything_starts(
    run: Run, arguments: list[str], message: str
) -> None:
    ran = await run("serve", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert message in ran.err
    assert " hint: " in ran.err or message in {"port must be", "the limit head_seconds must be a number"}
    assert "Traceback" not in ran.err


async def test_the_nearest_limit_is_named(run: Run) -> None:
    ran = await run("serve", "--limit", "answer_second=1")
    assert "did you mean answer_seconds?" in ran.err
