"""A client of an https URL: which certificates it trusts, and what it says when there is no TLS to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from hatchway.client import AsyncClient
from hatchway.errors import InvalidRequest


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_certificates_that_cannot_be_read(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(InvalidRequest) as caught:
        AsyncClient("https://localhost:1")
    assert caught.value.code == "invalid_certificates"
    assert "SSL_CERT_FILE" in caught.value.hint
    async with AsyncClient("http://localhost:1"):
        pass  # plain HTTP needs none
