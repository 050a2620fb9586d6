"""Who asked, as a service is told: `X-Forwarded-For`, `-Proto`, `-Port` and `Forwarded` (RFC 7239). Pure.

What a client says of itself is replaced. Only a reverse proxy that the operator trusts may speak for the client
behind it: its list of addresses is kept, and the proxy's own address added.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from hatchway.gateway.framing import Field

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORT = re.compile(rb"[1-9][0-9]{0,4}")
_SCHEMES = {b"http": "http", b"https": "https"}


class Claims(NamedTuple):
    """What a trusted proxy says about the client behind it. None or empty where it says nothing."""

    addresses: bytes
    """`X-Forwarded-For`: the client, and the proxies it came through."""
    scheme: str | None
    """`X-Forwarded-Proto`, if it is http or https."""
    port: bytes | None
    """`X-Forwarded-Port`, if it is a number."""
    forwarded: bytes
    """`Forwarded`, as it came."""


def read_claims(fields: Sequence[Field]) -> Claims:
    """What the header fields of a trusted proxy's request claim."""

    def joined(name: bytes) -> bytes:
        return b", ".join(each.value for each in fields if each.name == name and each.value)

    scheme = _SCHEMES.get(joined(b"x-forwarded-proto").lower())
    port = joined(b"x-forwarded-port")
    return Claims(
        joined(b"x-forwarded-for"), scheme, port if _PORT.fullmatch(port) else None, joined(b"forwarded")
    )


def forwarded_lines(peer: str, scheme: str, port: int, claims: Claims | None = None) -> bytes:
    """The fields that tell a service who asked.

    The public host is left out: in host mode it holds the token.

    Args:
        peer: the IP address of whoever connected.
        scheme: the scheme that visitors use.
        port: the port that visitors use.
        claims: of a trusted proxy, if that is who connected.
    """
    address = peer.encode("ascii")
    node = b'"[%s]"' % address if ":" in peer else address
    name, number = scheme.encode("ascii"), b"%d" % port
    addresses, element = address, b"for=%s;proto=%s" % (node, name)
    if claims is not None:
        if claims.scheme is not None:
            name = claims.scheme.encode("ascii")
            number = b"443" if claims.scheme == "https" else b"80"
        number = claims.port or number
        if claims.addresses:
            addresses = b"%s, %s" % (claims.addresses, address)
        element = _element_behind_proxy(claims, node, name)
    return b"X-Forwarded-For: %s\r\nX-Forwarded-Proto: %s\r\nX-Forwarded-Port: %s\r\nForwarded: %s\r\n" % (
        addresses,
        name,
        number,
        element,
    )


def _element_behind_proxy(claims: Claims, node: bytes, scheme: bytes) -> bytes:
    """The value of Forwarded: the proxy's own, or made of its `X-Forwarded-For`, and the proxy itself."""
    if claims.forwarded:
        return b"%s, for=%s" % (claims.forwarded, node)
    elements = [b"for=%s" % _node(each.strip()) for each in claims.addresses.split(b",") if each.strip()]
    if not elements:
        return b"for=%s;proto=%s" % (node, scheme)
    elements[0] += b";proto=%s" % scheme
    return b", ".join([*elements, b"for=%s" % node])


def _node(address: bytes) -> bytes:
    """A node's identifier (RFC 7239 section 6); `unknown` for what is no IP address."""
    try:
        parsed = ipaddress.ip_address(address.decode("latin-1").strip("[]"))
    except ValueError:
        return b"unknown"
    text = str(parsed).encode("ascii")
    return b'"[%s]"' % text if parsed.version == 6 else text


def is_trusted(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether an address is one of the trusted proxies'."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in proxies)
