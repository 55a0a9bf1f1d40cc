"""Write HEIC files as phones do: the picture in tiles, each coded by itself."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

TILE = 64


def _box(kind: bytes, *parts: bytes, version: int | None = None, flags: int = 0) -> bytes:
    head = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = head + b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _coded(tile: np.ndarray) -> tuple[bytes, bytes]:
    """Return the decoder's configuration and the one sample of a tile coded as HEVC."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream: Any = container.add_stream("libx265", rate=1)
        stream.options = {"crf": "8", "x265-params": "log-level=none"}
        stream.width = stream.height = TILE
        stream.pix_fmt = "yuv444p"
        picture = av.VideoFrame.from_ndarray(tile, format="bgr24")
        picture = picture.reformat(format="yuv444p")
        picture.pts, picture.time_base = 0, Fraction(1)
        for packet in [*stream.encode(picture), *stream.encode(None)]:
            packet.pts = packet.dts = 0  # libx265 may leave the latter open
            container.mux(packet)
    file.seek(0)
    with av.open(file) as container:
        sample = next(packet for packet in container.demux(video=0) if packet.size)
        return bytes(container.streams.video[0].codec_context.extradata or b""), bytes(sample)


def write_tiled_heic(path: Path, image: np.ndarray, quarters: int = 0, mirror: int | None = None) -> None:
    """Write an image as a grid of tiles, to be shown turned by quarters against the clock, then mirrored.

    Args:
        mirror: value of ``imir``: 1 exchanges left and right, 0 top and bottom; None for no mirroring.
    """
    height, width = image.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.pad(image, ((0, rows * TILE - height), (0, columns * TILE - width), (0, 0)), mode="edge")
    places = [(y, x) for y in range(0, rows * TILE, TILE) for x in range(0, columns * TILE, TILE)]
    coded = [_coded(np.ascontiguousarray(padded[y : y + TILE, x : x + TILE])) for y, x in places]
    grid = len(coded) + 1
    turns = [_box(b"irot", bytes([quarters]))] if quarters else []
    turns += [] if mirror is None else [_box(b"imir", bytes([mirror]))]
    size = _box(b"ispe", struct.pack(">II", width, height), version=0)
    tile_size = _box(b"ispe", struct.pack(">II", TILE, TILE), version=0)
    properties = [_box(b"hvcC", coded[0][0]), tile_size, size, *turns]
    of_tile, of_grid = [1, 2], [3, *range(4, 4 + len(turns))]
    items = [(number, b"hvc1") for number in range(1, grid)] + [(grid, b"grid")]
    plan = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    head = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")

    def meta(first: int) -> bytes:
        samples, position = [], first
        for _, sample in coded:
            samples.append((position, len(sample)))
            position += len(sample)
        iloc = b"".join(
            struct.pack(">HHHHII", number, 0, 0, 1, *place) for number, place in enumerate(samples, 1)
        ) + struct.pack(">HHHHII", grid, 1, 0, 1, 0, len(plan))
        return _box(
            b"meta",
            _box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
            _box(b"pitm", struct.pack(">H", grid), version=0),
            _box(
                b"iinf",
                struct.pack(">H", grid),
                *(
                    _box(b"infe", struct.pack(">HH", number, 0), kind, b"\0", version=2)
                    for number, kind in items
                ),
                version=0,
            ),
            _box(
                b"iref",
                _box(b"dimg", struct.pack(f">HH{grid - 1}H", grid, grid - 1, *range(1, grid))),
                version=0,
            ),
            _box(b"iprp", _box(b"ipco", *properties), _associations(grid, of_tile, of_grid)),
            _box(b"iloc", struct.pack(">HH", 0x4400, grid), iloc, version=1),
            _box(b"idat", plan),
            version=0,
        )

    first = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(first) + _box(b"mdat", *(sample for _, sample in coded)))


def _associations(grid: int, of_tile: Sequence[int], of_grid: Sequence[int]) -> bytes:
    lists = [(number, of_tile) for number in range(1, grid)] + [(grid, of_grid)]
    body = b"".join(struct.pack(">HB", number, len(each)) + bytes(each) for number, each in lists)
    return _box(b"ipma", struct.pack(">I", grid), body, version=0)
