"""Read still images in ISO's container: HEIC and AVIF, also those of several tiles.

FFmpeg gives every coded item of such a file as a video stream whose id is that of the item. The picture that
the file shows is its primary item: a coded item, or a grid of them (ISO/IEC 23008-12, 6.6.2.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from av.container import InputContainer

from livefan.core.errors import LivefanError
from livefan.io.container import named_errors, open_container
from livefan.io.upright import upright_bgr

_LARGEST_META = 64 << 20
_GRID_HEAD = struct.Struct(">xBBB")


@dataclass
class _Items:
    """The items of a file that concern its primary picture.

    Attributes:
        primary: id of the primary item.
        kinds: type of each item, such as ``hvc1`` or ``grid``.
        tiles: ids of the coded items of each grid, in rows.
        data: bytes of the primary item; those of a grid are its plan.
        properties: transformations of each item, in order: ``irot`` or ``imir``, and its value.
    """

    primary: int = 0
    kinds: dict[int, str] = field(default_factory=dict)
    tiles: dict[int, list[int]] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    properties: dict[int, list[tuple[str, int]]] = field(default_factory=dict)


def read_heif(path: Path) -> np.ndarray:
    """Return the primary picture of a HEIC or AVIF file, ``(height, width, 3)`` uint8 BGR, upright.

    Raises:
        LivefanError: if it cannot be read.
    """
    name = str(path)
    items = _items(path)
    with named_errors(name, "image cannot be read", "save it again as PNG or JPEG"):
        container = open_container(f"file:{path}", name)
        try:
            if items.kinds.get(items.primary) == "grid":
                return _grid(container, items, name)
            return _first_picture(container, items.primary, name)
        finally:
            container.close()


def _first_picture(container: InputContainer, item: int, name: str) -> np.ndarray:
    """Return the picture of an item, or the largest one if the item has no stream of its own."""
    streams = container.streams.video
    chosen = next((stream for stream in streams if stream.id == item), None)
    if chosen is None:
        chosen = max(streams, key=lambda stream: stream.width * stream.height, default=None)
    if chosen is None:
        raise LivefanError(f"{name}: has no picture in it; save it again as PNG or JPEG")
    for picture in container.decode(chosen):
        return upright_bgr(picture)
    raise LivefanError(f"{name}: its picture cannot be decoded; save it again as PNG or JPEG")


def _grid(container: InputContainer, items: _Items, name: str) -> np.ndarray:
    """Return a picture put together from its tiles, cropped, and turned as the file says."""
    columns, rows, (width, height) = _grid_size(items.data.get(items.primary, b""), name)
    numbers = items.tiles.get(items.primary, [])
    if len(numbers) < columns * rows:
        raise LivefanError(f"{name}: lacks some of its tiles; save it again as PNG or JPEG")
    tiles = _decoded_tiles(container, set(numbers), name)
    canvas: np.ndarray | None = None
    for place, number in enumerate(numbers[: columns * rows]):
        tile = tiles[number]
        tall, wide = tile.shape[:2]
        if canvas is None:
            if wide * columns < width or tall * rows < height:
                raise LivefanError(f"{name}: its tiles do not cover it; save it again as PNG or JPEG")
            canvas = np.zeros((tall * rows, wide * columns, 3), np.uint8)
        y, x = place // columns * tall, place % columns * wide
        target = canvas[y : y + tall, x : x + wide]
        target[:] = tile[: target.shape[0], : target.shape[1]]
    assert canvas is not None
    return _transformed(canvas[:height, :width], items.properties.get(items.primary, []))


def _grid_size(data: bytes, name: str) -> tuple[int, int, tuple[int, int]]:
    """Return the columns, the rows and the size in pixels that a grid item states."""
    try:
        flags, rows, columns = _GRID_HEAD.unpack_from(data)
        width, height = struct.Struct(">II" if flags & 1 else ">HH").unpack_from(data, _GRID_HEAD.size)
    except struct.error as error:
        raise LivefanError(f"{name}: its tiles have no plan; save it again as PNG or JPEG") from error
    return columns + 1, rows + 1, (width, height)


def _decoded_tiles(container: InputContainer, numbers: set[int], name: str) -> dict[int, np.ndarray]:
    """Return the upright pictures of some items, by their ids."""
    streams = [stream for stream in container.streams.video if stream.id in numbers]
    tiles: dict[int, np.ndarray] = {}
    for packet in container.demux(streams):
        number = packet.stream.id
        for picture in packet.decode():
            tiles.setdefault(number, upright_bgr(picture))  # type: ignore[arg-type]  # of video streams
    if numbers - tiles.keys():
        raise LivefanError(f"{name}: some of its tiles cannot be decoded; save it again as PNG or JPEG")
    return tiles


def _transformed(image: np.ndarray, properties: list[tuple[str, int]]) -> np.ndarray:
    """Turn by ``irot`` and mirror by ``imir`` (ISO/IEC 23008-12, 6.5.10 and 6.5.12)."""
    for kind, value in properties:
        if kind == "irot" and value & 3:  # quarters, against the clock
            image = np.rot90(image, value & 3)
        elif kind == "imir":
            image = cv2.flip(np.ascontiguousarray(image), 1 if value & 1 else 0)
    return np.ascontiguousarray(image)


def _items(path: Path) -> _Items:
    """Read the items of a file; without a readable list of items the result is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LivefanError(f"{path}: {error.strerror}; check its permissions") from error
    found = _Items()
    with suppress(StopIteration, IndexError, KeyError):
        meta = next(body for kind, body in _boxes(data) if kind == "meta")
        if len(meta) <= _LARGEST_META:
            _read_meta(meta[4:], data, found)
    return found


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield type and content of the boxes in some bytes (ISO/IEC 14496-12, 4.2)."""
    position = 0
    while position + 8 <= len(data):
        size, head = int.from_bytes(data[position : position + 4], "big"), 8
        kind = data[position + 4 : position + 8].decode("latin-1")
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        size = size or len(data) - position
        if size < head:
            return
        yield kind, data[position + head : position + size]
        position += size


def _read_meta(meta: bytes, file: bytes, found: _Items) -> None:
    boxes = dict(_boxes(meta))
    found.primary = _uint(boxes["pitm"], 4, 2 if boxes["pitm"][0] == 0 else 4)
    _read_kinds(boxes["iinf"], found)
    _read_tiles(boxes.get("iref", bytes(4)), found)
    _read_data(boxes["iloc"], boxes.get("idat", b""), file, found)
    _read_properties(dict(_boxes(boxes["iprp"])), found)


def _uint(data: bytes, position: int, size: int) -> int:
    """Return an unsigned number.

    Raises:
        IndexError: if the data end before, so that a damaged count is not followed.
    """
    if position + size > len(data):
        raise IndexError("beyond the data")
    return int.from_bytes(data[position : position + size], "big")


def _read_kinds(iinf: bytes, found: _Items) -> None:
    start = 6 if iinf[0] == 0 else 8
    for kind, body in _boxes(iinf[start:]):
        if kind == "infe" and body[0] >= 2:
            wide = 2 if body[0] == 2 else 4
            found.kinds[_uint(body, 4, wide)] = body[6 + wide : 10 + wide].decode("latin-1")


def _read_tiles(iref: bytes, found: _Items) -> None:
    wide = 2 if iref[0] == 0 else 4
    for kind, body in _boxes(iref[4:]):
        if kind == "dimg":
            count = _uint(body, wide, 2)
            places = range(wide + 2, wide + 2 + count * wide, wide)
            found.tiles[_uint(body, 0, wide)] = [_uint(body, place, wide) for place in places]


def _read_data(iloc: bytes, idat: bytes, file: bytes, found: _Items) -> None:
    """Read the bytes of the primary item, which for a grid are its plan."""
    version, sizes = iloc[0], _uint(iloc, 4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 2 if version < 2 else 4
    count, position = _uint(iloc, 6, wide), 6 + wide
    for _ in range(count):
        item, position = _uint(iloc, position, wide), position + wide
        method = 0
        if version:
            method, position = _uint(iloc, position, 2) & 15, position + 2
        base, position = _uint(iloc, position + 2, base_size), position + 2 + base_size
        extents, position = _uint(iloc, position, 2), position + 2
        content = b""
        for _ in range(extents):
            position += index_size
            offset = base + _uint(iloc, position, offset_size)
            length = _uint(iloc, position + offset_size, length_size)
            position += offset_size + length_size
            if item == found.primary:
                content += (idat if method == 1 else file)[offset : offset + length]
        if item == found.primary:
            found.data[item] = content


def _read_properties(iprp: dict[str, bytes], found: _Items) -> None:
    known = list(_boxes(iprp["ipco"]))
    ipma = iprp["ipma"]
    wide, is_long = (2 if ipma[0] == 0 else 4), bool(ipma[3] & 1)
    position = 8
    for _ in range(_uint(ipma, 4, 4)):
        item, count = _uint(ipma, position, wide), ipma[position + wide]
        position += wide + 1
        for _ in range(count):
            number = _uint(ipma, position, 2) & 0x7FFF if is_long else ipma[position] & 0x7F
            position += 2 if is_long else 1
            if 0 < number <= len(known) and known[number - 1][0] in ("irot", "imir"):
                kind, body = known[number - 1]
                found.properties.setdefault(item, []).append((kind, body[0]))
