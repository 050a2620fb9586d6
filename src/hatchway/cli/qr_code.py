"""A QR code in a terminal: two modules above each other are one character. Pure."""

from __future__ import annotations

import segno

QUIET_ZONE = 4
"""Light modules around the code (ISO/IEC 18004:2015, section 6.3.8)."""
_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def qr_lines(text: str, *, inverted: bool = False) -> list[str]:
    """The lines of a QR code of `text`, all of the same length.

    Args:
        text: what a reader is to find.
        inverted: draw the light modules instead of the dark ones: for a terminal whose letters are light, and whose
            colours are not ours to set.
    """
    code = segno.make(text, micro=False, error="m")
    rows = [[bool(module) is not inverted for module in row] for row in code.matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([inverted] * len(rows[0]))
    return [
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
