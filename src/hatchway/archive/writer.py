"""Entries as the bytes of a pax archive (pax(1p)). Pure."""

from __future__ import annotations

from hatchway.archive.member import Member

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
"""What an archive ends with."""

_TYPES = {"file": b"0", "hardlink": b"1", "symlink": b"2", "directory": b"5"}
_NAME_BYTES = 100
_MOST_OF_ELEVEN_DIGITS = 8**11 - 1
_EXTENDED_NAME = b"././@PaxHeader"


def header(member: Member, comment: bytes = b"") -> bytes:
    """What stands before the content of an entry.

    Args:
        member: the entry, of any kind but `other`.
        comment: something to be read beside it; programs that unpack the archive ignore it.
    """
    name = member.name + b"/" if member.kind == "directory" else member.name
    records: list[tuple[bytes, bytes]] = []
    if not (_is_plain(name) and _is_plain(member.target)):
        if not (_is_utf_8(name) and _is_utf_8(member.target)):
            records.append((b"hdrcharset", b"BINARY"))
        records += [(key, value) for key, value in ((b"path", name), (b"linkpath", member.target)) if value]
    if member.size > _MOST_OF_ELEVEN_DIGITS:
        records.append((b"size", b"%d" % member.size))
    if not 0 <= member.mtime <= _MOST_OF_ELEVEN_DIGITS:
        records.append((b"mtime", b"%d" % member.mtime))
    if comment:
        records.append((b"comment", comment))
    block = _block(name, _TYPES[member.kind], member.size, member.mode & 0o7777, member.mtime, member.target)
    if not records:
        return block
    extended = b"".join(_record(key, value) for key, value in records)
    return (
        _block(_EXTENDED_NAME, b"x", len(extended), 0o644, 0, b"") + extended + padding(len(extended)) + block
    )


def padding(size: int) -> bytes:
    """What fills the last block of content of that size."""
    return bytes(-size % BLOCK_BYTES)


def _block(name: bytes, kind: bytes, size: int, mode: int, mtime: int, target: bytes) -> bytes:
    block = bytearray(BLOCK_BYTES)
    block[0:100] = name[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
    block[100:108] = b"%07o\0" % mode
    block[108:124] = b"0000000\0" * 2  # the owner is nobody's business: unpacking makes files one's own
    block[124:136] = b"%011o\0" % (size if size <= _MOST_OF_ELEVEN_DIGITS else 0)
    block[136:148] = b"%011o\0" % min(max(mtime, 0), _MOST_OF_ELEVEN_DIGITS)
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157:257] = target[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
    block[257:265] = b"ustar\x0000"
    block[329:345] = b"0000000\0" * 2
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _record(key: bytes, value: bytes) -> bytes:
    """`length key=value\\n`, whose length counts itself."""
    rest = b" %s=%s\n" % (key, value)
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d%s" % (length, rest)


def _is_plain(name: bytes) -> bool:
    """Whether the header block itself is to hold it: it is short, and ASCII or no text at all.

    Bytes that are no text are bytes there for every program; GNU tar does not know the record that would say so.
    """
    return len(name) <= _NAME_BYTES and (name.isascii() or not _is_utf_8(name))


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
