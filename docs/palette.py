"""How do pictures of pages get small? 256 colours are enough for them; plain Python, no library."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256
BYTES = {2: 3, 6: 4}  # PNG colour type → bytes per pixel: RGB, RGBA
Colour = tuple[int, int, int]


def reduce(path: Path) -> None:
    """Rewrite an 8-bit RGB or RGBA picture with a palette of 256 colours; a rare shade becomes its neighbour."""
    width, height, kind, data = _read(path.read_bytes())
    rows = _unfilter(zlib.decompress(data), width * BYTES[kind], BYTES[kind], height)
    step = BYTES[kind]
    pixels = [list(zip(row[0::step], row[1::step], row[2::step], strict=True)) for row in rows]
    seen = Counter(colour for row in pixels for colour in row)
    palette = _palette(seen)
    nearest = {colour: _nearest(colour, palette) for colour in seen}
    body = b"".join(b"\0" + bytes(map(nearest.__getitem__, row)) for row in pixels)
    path.write_bytes(
        SIGNATURE
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", bytes(part for colour in palette for part in colour))
        + _chunk(b"IDAT", zlib.compress(body, 9))
        + _chunk(b"IEND", b"")
    )


def _read(content: bytes) -> tuple[int, int, int, bytes]:
    assert content.startswith(SIGNATURE)
    place, data, head = len(SIGNATURE), [], b""
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        name, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        head = body if name == b"IHDR" else head
        data += [body] if name == b"IDAT" else []
        place += length + 12
    width, height, depth, kind = struct.unpack(">IIBB", head[:10])
    assert (depth, kind in BYTES) == (8, True)
    return width, height, kind, b"".join(data)


def _unfilter(raw: bytes, length: int, step: int, height: int) -> list[bytes]:
    """Undo the five filters of PNG. Source: W3C, Portable Network Graphics specification, section 9."""
    above, rows = bytearray(length), []
    for line in range(height):
        start = line * (length + 1)
        row = bytearray(raw[start + 1 : start + 1 + length])
        match raw[start]:
            case 1:
                for i in range(step, length):
                    row[i] = (row[i] + row[i - step]) & 255
            case 2:
                row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
            case 3:
                for i in range(length):
                    row[i] = (row[i] + ((row[i - step] if i >= step else 0) + above[i]) // 2) & 255
            case 4:
                for i in range(length):
                    left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
                    row[i] = (row[i] + _paeth(left, above[i], corner)) & 255
        rows.append(bytes(row))
        above = row
    return rows


def _paeth(left: int, above: int, corner: int) -> int:
    a, b, c = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    return left if a <= b and a <= c else above if b <= c else corner


def _palette(seen: Counter[Colour]) -> list[Colour]:
    """Return the colours to keep: the commonest of each little cube of the colour space, the fullest cubes first."""
    if len(seen) <= COLOURS:
        return list(seen)
    cubes: dict[Colour, Counter[Colour]] = {}
    for colour, count in seen.items():
        red, green, blue = (part >> 3 for part in colour)
        cubes.setdefault((red, green, blue), Counter())[colour] = count
    fullest = sorted(cubes.values(), key=lambda cube: -cube.total())[:COLOURS]
    return [cube.most_common(1)[0][0] for cube in fullest]


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    red, green, blue = colour
    return min(
        range(len(palette)),
        key=lambda i: (palette[i][0] - red) ** 2 + (palette[i][1] - green) ** 2 + (palette[i][2] - blue) ** 2,
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
