"""Bodies, whole and in pieces of any size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hatchway.gateway.body import ChunkedDecoder, RequestBody, encode_chunk, encode_last_chunk
from hatchway.gateway.framing import CHUNKED, FramingError


def decode(pieces: list[bytes]) -> tuple[bytes, list[bytes], bytes, bool] | None:
    """The outcome of decoding; None for an error."""
    decoder = ChunkedDecoder(1000)
    body = b""
    rest = b""
    try:
        for piece in pieces:
            if decoder.done:
                rest += piece
            else:
                body += b"".join(decoder.feed(piece))
                rest += decoder.rest
    except FramingError:
        return None
    return body, decoder.trailers, rest, decoder.done


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.binary(max_size=10), st.data())
def test_chunks_round_trip_whole_byte_by_byte_and_in_any_pieces(
    parts: list[bytes], rest: bytes, data: st.DataObject
) -> None:
    wire = b"".join(piece for part in parts for piece in encode_chunk([part]))
    wire += encode_last_chunk([b"X-Sum: 1\r\n"]) + rest
    expected = (b"".join(parts), [b"X-Sum: 1\r\n"], rest, True)
    cut = data.draw(st.integers(0, len(wire)))
    assert decode([wire]) == decode(bytewise(wire)) == decode([wire[:cut], wire[cut:]]) == expected


chunk_pieces = st.sampled_from(
    [
        b"5",
        b"0",
        b"a",
        b"\r\n",
        b"\r",
        b"\n",
        b";x",
        b" ",
        b"hello",
        b"X: y",
        b"g",
        b"-",
        b"Host: a",
        b"\x00",
        b"2",
    ]
)


@given(st.lists(chunk_pieces, max_size=12))
def test_any_chunked_bytes_mean_the_same_whole_and_byte_by_byte(parts: list[bytes]) -> None:
    wire = b"5\r\nhello\r\n" + b"".join(parts)
    whole, in_bytes = decode([wire]), decode(bytewise(wire))
    assert whole == in_bytes


def test_chunk_lines_and_trailers_are_limited() -> None:
    assert decode([b"5;" + b"x" * 5000]) is None
    assert decode([b"0\r\n" + b"X: y\r\n" * 500]) is None
    assert decode([b"0\r\nX: " + b"y" * 2000]) is None


def test_an_empty_chunk_is_never_written_before_the_end() -> None:
    assert encode_chunk([]) == encode_chunk([b""]) == []


def test_a_body_in_one_chunk_is_not_copied() -> None:
    body = b"x" * 100
    decoder = ChunkedDecoder(1000)
    decoder.feed(b"64\r\n")
    assert decoder.feed(body)[0] is body


@given(st.binary(min_size=1, max_size=50), st.binary(max_size=20), st.integers(0, 70))
def test_a_body_with_a_length_ends_where_it_says(content: bytes, rest: bytes, cut: int) -> None:
    for pieces in (
        [content + rest],
        bytewise(content + rest),
        [(content + rest)[:cut], (content + rest)[cut:]],
    ):
        body = RequestBody(len(content), 1000)
        sent = b""
        after = b""
        for piece in pieces:
            if body.done:
                after += piece
            else:
                parts, left = body.feed(piece)
                sent += b"".join(parts)
                after += left
        assert (sent, after, body.done) == (content, rest, True)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=4), st.binary(max_size=9))
def test_a_chunked_body_goes_on_as_chunks_of_the_same_content(parts: list[bytes], rest: bytes) -> None:
    wire = b"".join(piece for part in parts for piece in encode_chunk([part])) + encode_last_chunk(
        [b"X: y\r\n"]
    )
    for pieces in ([wire + rest], [*bytewise(wire), rest]):
        body = RequestBody(CHUNKED, 1000)
        sent = b""
        after = b""
        for piece in pieces:
            if body.done:
                after += piece
            else:
                out, left = body.feed(piece)
                sent += b"".join(out)
                after += left
        assert after == rest
        assert decode([sent]) == (b"".join(parts), [b"X: y\r\n"], b"", True)
