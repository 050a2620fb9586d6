"""What curl's options `-H` and `-d` say: the headers and the body of a request."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import typer

from hatchway.cli.local_files import reading
from hatchway.cli.streams import CHUNK_BYTES, read_in

FORM = "application/x-www-form-urlencoded"
"""The media type of a body for which none is given, as for curl."""

Body = bytes | AsyncIterator[bytes] | None


def parse_headers(texts: Sequence[str], defaults: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of a request. Pure.

    Args:
        texts: each `Name: value`; `Name;` for an empty value; `Name:` to leave a default one out.
        defaults: those that are sent unless `texts` names them.

    Raises:
        typer.BadParameter: for what is none of these.
    """
    given: list[tuple[str, str]] = []
    named: set[str] = set()
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            name, semicolon, rest = text.partition(";")
            if not semicolon or rest.strip():
                raise typer.BadParameter(f"{text!r} is not 'NAME: VALUE'", param_hint="--header")
        named.add(name.strip().lower())
        if value.strip() or not colon:
            given.append((name.strip(), value.strip()))
    return [(name, value) for name, value in defaults if name.lower() not in named] + given


@contextmanager
def request_body(data: Sequence[str]) -> Iterator[tuple[Body, int | None]]:
    """A request's body, and its length in bytes where it has to be told: a file's.

    One file, or standard input, is streamed. Several pieces are joined by `&` and so held in memory.

    Args:
        data: each text, or `@` and the path of a file, or `@-` for standard input.
    """
    if not data:
        yield None, None
    elif data == ["@-"]:
        yield read_in(), None
    elif len(data) == 1 and data[0].startswith("@"):
        with reading(data[0][1:]) as file:
            status = os.fstat(file.fileno())
            yield _chunks(file), status.st_size if stat.S_ISREG(status.st_mode) else None
    elif any(piece == "@-" for piece in data):
        raise typer.BadParameter("@- cannot be joined with other data", param_hint="--data")
    else:
        yield b"&".join(map(_content, data)), None


def _content(piece: str) -> bytes:
    if not piece.startswith("@"):
        return os.fsencode(piece)
    with reading(piece[1:]) as file:
        return file.read()


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
