"""Who may call the control API at all. Pure; the gateway's backend asks it for every request and upgrade.

Three questions, in this order: is the server called by a name of its own (else a foreign name was made to resolve to
this machine: DNS rebinding), did a page of another origin send this, and is the API token right where there is one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from hatchway.errors import AccessDenied, HatchwayError
from hatchway.gateway.seam import RequestFacts

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

# RFC 9110 section 7.2 and RFC 3986 section 3.2: host [ ":" port ]; no user information.
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]+)")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]+) *")
_OWN_SITE = frozenset({b"same-origin", b"none"})


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What the decision depends on beyond the request."""

    api_token_digest: bytes | None = field(default=None, repr=False)
    """`digest_api_token` of the API token; None: no credential is asked for."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names in `Host` beside those of loopback: lower-case, without a port, IPv6 addresses in brackets."""


def digest_api_token(token: str) -> bytes:
    """What is kept of an API token: its SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def check_access(
    policy: AccessPolicy, facts: RequestFacts, in_target: bytes | None = None
) -> HatchwayError | None:
    """Why a request must not reach the control API; None if it may.

    Args:
        policy: who may call it.
        facts: of the request.
        in_target: the API token in its target, where a client of the npm package `rivetkit` has no other way.

    Returns:
        `unknown_host` (403), `cross_site` (403), `unauthorized` (401), or None.
    """
    host = _authority(facts.host)
    if host is None or (host[0] not in LOOPBACK_NAMES and host[0] not in policy.allowed_hosts):
        return AccessDenied(
            "unknown_host",
            "this server does not go by the name in the Host header",
            "call it as localhost or 127.0.0.1, or add the name to the server's allowed_hosts",
        )
    if _is_cross_site(facts):
        return AccessDenied(
            "cross_site",
            "a page of another origin may not call the control API",
            "call it from a program, or from a page that this server itself serves",
        )
    if policy.api_token_digest is not None and not (
        _is_token(policy, facts.api_token)
        or is_api_credential(policy, facts.authorization)
        or _is_token(policy, in_target)
    ):
        return AccessDenied(
            "unauthorized",
            "this server asks for its API token",
            "send it as `Hatchway-Token: …` or `Authorization: Bearer …`; clients take it from HATCHWAY_TOKEN",
            status=401,
        )
    return None


def is_api_credential(policy: AccessPolicy, authorization: bytes | None) -> bool:
    """Whether an Authorization header holds the API token, and so must not reach a guest."""
    if authorization is None:
        return False
    bearer = _BEARER.fullmatch(authorization)
    return bearer is not None and _is_token(policy, bearer[1])


def _is_token(policy: AccessPolicy, token: bytes | None) -> bool:
    if token is None or policy.api_token_digest is None:
        return False
    return hmac.compare_digest(hashlib.sha256(token).digest(), policy.api_token_digest)


def _is_cross_site(facts: RequestFacts) -> bool:
    """Whether a browser says that a page of another origin is behind the request.

    `same-site` counts as another: previews are on the same site (`*.localhost`) and hold whatever a guest
    serves. Browsers that know no Fetch Metadata (https://www.w3.org/TR/fetch-metadata/) still send Origin
    where it matters. A program that is no browser sends neither.
    """
    if facts.sec_fetch_site is not None and facts.sec_fetch_site.strip().lower() not in _OWN_SITE:
        return True
    if facts.origin is None:
        return False
    origin = _ORIGIN.fullmatch(facts.origin.decode("latin-1").strip())
    if origin is None:  # `null` among them: a sandboxed page
        return True
    scheme = origin[1].lower()
    theirs, ours = _authority(origin[2].encode("latin-1")), _authority(facts.host)
    return theirs is None or ours is None or _with_port(scheme, theirs) != _with_port(scheme, ours)


def _authority(value: bytes | None) -> tuple[str, str] | None:
    """Host and port (may be empty) of an authority, the host in lower case; None if it is none."""
    if value is None:
        return None
    match = _AUTHORITY.fullmatch(value.decode("latin-1").strip(" \t"))
    return None if match is None else (match[1].lower(), match[2] or "")


def _with_port(scheme: str, authority: tuple[str, str]) -> tuple[str, str]:
    host, port = authority
    return host, port or _DEFAULT_PORTS.get(scheme, "")
