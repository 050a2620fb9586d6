"""What llhttp makes of the bytes that were exchanged: a parser that is not ours, for what our own must not be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import httptools

from gateway.zoo import Conversation, Script


class Message(NamedTuple):
    """A request or an answer, as llhttp reads it."""

    start: bytes
    """The method and the target, or the status."""
    fields: list[tuple[bytes, bytes]]
    """In their order, names in lower case. Those of the trailer section follow those of the head."""
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        """What all fields of that name say."""
        return [value for each, value in self.fields if each == name]


class Reader:
    """Reads the messages of one direction of a connection.

    Args:
        answers: it is the direction of the answers.
        complete: called with each message once it is complete.
    """

    def __init__(self, *, answers: bool = False, complete: Callable[[Message], None] | None = None) -> None:
        self.messages: list[Message] = []
        """The complete ones."""
        self.unfinished = False
        """A message has begun and not ended."""
        self.broken = False
        """llhttp refused what came."""
        self.head: Message | None = None
        """The last head that was complete, without a body."""
        self._complete = complete
        self._parser = httptools.HttpResponseParser(self) if answers else httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            self.broken = True

    # -- llhttp's calls

    def on_message_begin(self) -> None:
        self.unfinished = True
        self._start = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._start += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value.rstrip(b" \t")))  # llhttp leaves what trails

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_headers_complete(self) -> None:
        if isinstance(self._parser, httptools.HttpResponseParser):
            self._start = b"%d" % self._parser.get_status_code()
        else:
            self._start = self._parser.get_method() + b" " + self._start
        self.head = Message(self._start, list(self._fields), b"")

    def on_message_complete(self) -> None:
        self.unfinished = False
        message = Message(self._start, self._fields, self._body)
        self.messages.append(message)
        if self._complete is not None:
            self._complete(message)


def read_requests(wire: bytes) -> Reader:
    """The requests in `wire`."""
    reader = Reader()
    reader.feed(wire)
    return reader


def read_answers(wire: bytes) -> Reader:
    """The answers in `wire`; none of them may be to a HEAD."""
    reader = Reader(answers=True)
    reader.feed(wire)
    return reader


class Witness:
    """An upstream that serves every request that llhttp finds in what it receives, and remembers them all.

    What was smuggled past a gateway is a request of its own here, and gets an answer of its own.
    """

    def __init__(self) -> None:
        self.readers: list[Reader] = []
        """One for each connection."""
        self.requests: list[Message] = []
        """All complete requests, in their order."""

    @property
    def seen(self) -> list[tuple[bytes, bytes]]:
        """The start and the body of each."""
        return [(message.start, message.body) for message in self.requests]

    def script(self) -> Script:
        """Answers each request with its start and its number of body bytes."""

        async def serve(conversation: Conversation) -> None:
            def answer(request: Message) -> None:
                self.requests.append(request)
                body = b"%s %d" % (request.start, len(request.body))
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                conversation.writer.write(head if request.start.startswith(b"HEAD ") else head + body)

            reader = Reader(complete=answer)
            self.readers.append(reader)
            while data := await conversation.some():
                reader.feed(data)
                await conversation.writer.drain()

        return serve


def read_request_head(head: bytes) -> Message:
    """A request's head alone, whatever its method and whether or not its body follows.

    Raises:
        ValueError: llhttp refuses it.
    """
    # llhttp knows a fixed set of methods, and takes no byte over 0x7f in a target.
    _, target, rest = head.split(b" ", 2)
    plain = b"GET " + bytes(byte if byte < 0x80 else 0x7E for byte in target) + b" " + rest
    reader = Reader()
    reader.feed(plain)
    message = reader.head
    if message is None or reader.broken:
        raise ValueError("llhttp does not take this head")
    return message._replace(start=b"GET " + target)
