from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.access import AccessPolicy, check_access, digest_api_token, is_api_credential
from hatchway.gateway.seam import RequestFacts

OPEN = AccessPolicy(allowed_hosts=frozenset({"box.example.org", "[fd00::1]"}))
GUARDED = AccessPolicy(digest_api_token("s3cret"), OPEN.allowed_hosts)


def facts(
    host: bytes | None = b"localhost:6420",
    origin: bytes | None = None,
    site: bytes | None = None,
    authorization: bytes | None = None,
    token: bytes | None = None,
) -> RequestFacts:
    return RequestFacts(
        method=b"GET",
        host=host,
        origin=origin,
        sec_fetch_site=site,
        authorization=authorization,
        api_token=token,
    )


def verdict(policy: AccessPolicy, request: RequestFacts) -> tuple[int, str] | None:
    error = check_access(policy, request)
    return None if error is None else (error.status, error.code)


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:6420",
        b"LocalHost:6420",
        b"127.0.0.1:6420",
        b"[::1]:6420",
        b"[::1]",
        b"box.example.org",
        b"Box.Example.org:443",
        b"[FD00::1]:6420",
    ],
)
def test_known_names(host: bytes) -> None:
    assert verdict(OPEN, facts(host)) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b"evil.example",
        b"localhost.evil.example",
        b"evil.localhost",
        b"localhost.",
        b"127.0.0.2",
        b"0.0.0.0",
        b"2130706433",
        b"[::]",
        b"::1",
        b"user@localhost",
        b"localhost:port",
        b"localhost:6420, evil.example",
        b"localhost/",
        b"localhost\xe9",
        b"localhost evil.example",
    ],
)
def test_names_of_others(host: bytes | None) -> None:
    assert verdict(OPEN, facts(host)) == (403, "unknown_host")
    assert verdict(GUARDED, facts(host, token=b"s3cret")) == (403, "unknown_host")


@given(st.binary(max_size=40))
def test_a_host_is_known_only_if_it_says_so(host: bytes) -> None:
    if check_access(OPEN, facts(host)) is None:
        name = host.strip(b" \t").lower().decode()
        known = {"localhost", "127.0.0.1", "[::1]", *OPEN.allowed_hosts}
        assert any(name == each or name.startswith(each + ":") for each in known)


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        (None, b"cross-site"),
        (None, b"same-site"),
        (None, b"Cross-Site"),
        (None, b"something-new"),
        (b"http://localhost:6420", b"cross-site"),
        (b"https://evil.example", None),
        (b"null", None),
        (b"", None),
        (b"http://localhost:3000", None),
        (b"http://localhost", None),
        (b"http://127.0.0.1:6420", None),
        (b"http://token.localhost:6420", None),
        (b"http://localhost:6420.evil.example", None),
        (b"http://localhost:6420 http://evil.example", None),
        (b"https://evil.example", b"same-origin"),
    ],
)
def test_pages_of_other_origins(origin: bytes | None, site: bytes | None) -> None:
    for request in (facts(origin=origin, site=site), facts(origin=origin, site=site, token=b"s3cret")):
        assert verdict(OPEN, request) == (403, "cross_site")
        assert verdict(GUARDED, request) == (403, "cross_site")


@pytest.mark.parametrize(
    ("host", "origin", "site"),
    [
        (b"localhost:6420", None, None),
        (b"localhost:6420", None, b"none"),
        (b"localhost:6420", None, b"same-origin"),
        (b"localhost:6420", b"http://localhost:6420", b"same-origin"),
        (b"localhost:6420", b"http://LOCALHOST:6420", None),
        (b"localhost", b"http://localhost:80", None),
        (b"box.example.org:443", b"https://box.example.org", None),
        (b"[::1]:6420", b"http://[::1]:6420", None),
    ],
)
def test_programs_and_own_pages(host: bytes, origin: bytes | None, site: bytes | None) -> None:
    assert verdict(OPEN, facts(host, origin, site)) is None


@pytest.mark.parametrize(
    ("authorization", "token", "allowed"),
    [
        (None, b"s3cret", True),
        (b"Bearer s3cret", None, True),
        (b"bearer  s3cret ", None, True),
        (b"Bearer s3cret", b"wrong", True),
        (b"Bearer wrong", b"s3cret", True),
        (None, None, False),
        (None, b"", False),
        (None, b"S3CRET", False),
        (None, b"s3cret\0", False),
        (None, digest_api_token("s3cret"), False),
        (b"s3cret", None, False),
        (b"Basic s3cret", None, False),
        (b"Bearer", None, False),
        (b"Bearer ", None, False),
        (b"Bearer s3cret s3cret", None, False),
        (b"Bearers3cret", None, False),
    ],
)
def test_the_api_token(authorization: bytes | None, token: bytes | None, allowed: bool) -> None:
    request = facts(authorization=authorization, token=token)
    assert verdict(GUARDED, request) == (None if allowed else (401, "unauthorized"))
    assert verdict(OPEN, request) is None


@pytest.mark.parametrize(
    ("in_target", "allowed"),
    [
        (b"s3cret", True),
        (None, False),
        (b"", False),
        (b"wrong", False),
        (b"S3CRET", False),
        (b"s3cret\0", False),
    ],
)
def test_the_api_token_in_the_target(in_target: bytes | None, allowed: bool) -> None:
    def code(policy: AccessPolicy, request: RequestFacts) -> str | None:
        error = check_access(policy, request, in_target)
        if error is not None:
            assert "s3cret" not in str(error)
        return None if error is None else error.code

    assert code(GUARDED, facts()) == (None if allowed else "unauthorized")
    assert code(GUARDED, facts(token=b"wrong")) == (None if allowed else "unauthorized")
    assert code(GUARDED, facts(token=b"s3cret")) is None
    assert code(OPEN, facts()) is None
    for policy in (OPEN, GUARDED):  # it opens nothing to pages of others
        assert code(policy, facts(b"evil.example")) == "unknown_host"
        assert code(policy, facts(site=b"cross-site")) == "cross_site"


def test_only_the_api_credential_is_recognised_as_one() -> None:
    assert is_api_credential(GUARDED, b"Bearer s3cret")
    assert not is_api_credential(GUARDED, b"Bearer the-apps-own")
    assert not is_api_credential(GUARDED, b"Basic czNjcmV0")
    assert not is_api_credential(GUARDED, None)
    assert not is_api_credential(OPEN, b"Bearer s3cret")


def test_no_secret_is_shown() -> None:
    assert "s3cret" not in repr(GUARDED)
    assert repr(digest_api_token("s3cret")) not in repr(GUARDED)
    for request in (facts(), facts(token=b"guess"), facts(b"evil.example"), facts(origin=b"null")):
        assert "guess" not in str(check_access(GUARDED, request))
