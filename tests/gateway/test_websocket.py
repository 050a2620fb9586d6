"""Where frames end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from hatchway.gateway.websocket import FrameBoundary, close_frame

frames = st.builds(
    lambda size, opcode, fin, mask: Frame(opcode, b"x" * size, fin=fin).serialize(mask=mask),
    st.sampled_from([0, 1, 125, 126, 127, 65535, 65536]),
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(frames, max_size=4), st.data())
def test_a_boundary_is_exactly_where_a_frame_ends(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    ends = {0}
    for part in parts:
        ends.add(max(ends) + len(part))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)) | ends)
    boundary = FrameBoundary()
    at = 0
    for cut in cuts:
        boundary.feed(stream[at:cut])
        at = cut
        assert boundary.at_boundary == (cut in ends)


@given(st.lists(frames.filter(lambda frame: len(frame) < 300), max_size=3))
def test_byte_by_byte(parts: list[bytes]) -> None:
    boundary = FrameBoundary()
    for part in parts:
        for i in range(len(part)):
            boundary.feed(part[i : i + 1])
            assert boundary.at_boundary == (i == len(part) - 1)


def test_a_close_frame_is_what_websockets_writes() -> None:
    written = Frame(Opcode.CLOSE, (1008).to_bytes(2, "big") + b"This preview has ended").serialize(mask=False)
    assert close_frame(1008, "This preview has ended") == written
