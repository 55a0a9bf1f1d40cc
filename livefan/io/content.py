"""Tell pictures, animations and other files apart by their content, whatever their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

Content = Literal["picture", "heif", "tiff", "animation", "moving", "other"]
"""``picture``: a still image that OpenCV reads. ``heif``: a still image in ISO's container, such as HEIC and
AVIF. ``tiff``: a TIFF file, of one page or more. ``animation``: an animated WebP. ``moving``: another format
of images that holds several, such as APNG. ``other``: anything else."""

_HEAD = 64
_STARTS: dict[tuple[bytes, ...], Content] = {
    (b"\xff\xd8\xff",): "picture",  # JPEG
    # JPEG 2000 with and without a container
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"): "picture",
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): "tiff",
    (b"GIF87a", b"GIF89a"): "moving",
}
_BITMAP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))
_MOTION_JPEG = (".mjpeg", ".mjpg")
"""Suffixes of rows of JPEG images. A photograph may hold further images too, but only its own previews."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNM = re.compile(rb"P[1-7]\s")
_HEIF_STILLS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif"})
_HEIF_SEQUENCES = frozenset({b"hevc", b"hevx", b"msf1", b"avis"})


def content_of(path: Path) -> Content:
    """Return the content of a file, by its first bytes; ``other`` if it cannot be read."""
    try:
        if not path.is_file():  # a pipe could not be read again
            return "other"
        with path.open("rb") as file:
            found = _content(file.read(_HEAD), file)
            if found == "picture" and path.suffix.lower() in _MOTION_JPEG and _holds_several(file):
                return "moving"
            return found
    except OSError:
        return "other"


def is_picture(path: Path) -> bool:
    """Return whether a file holds a still image."""
    return content_of(path) in ("picture", "heif", "tiff")


def _content(head: bytes, file: BinaryIO) -> Content:
    if head.startswith(_PNG):
        return "moving" if b"acTL" in _png_chunks(file) else "picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        is_animated = head[12:16] == b"VP8X" and bool(head[20] & 2) if len(head) > 20 else False
        return "animation" if is_animated else "picture"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_STILLS | _HEIF_SEQUENCES:
        return "heif" if head[8:12] in _HEIF_STILLS else "moving"
    for starts, content in _STARTS.items():
        if head.startswith(starts):
            return content
    # The size of a bitmap's header tells it from a text that begins with BM.
    is_bitmap = head.startswith(b"BM") and head[14:18] in _BITMAP_HEADERS
    return "picture" if is_bitmap or _PNM.match(head) else "other"


def _png_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the names of a PNG's chunks before its pixels; an animation has ``acTL`` among them."""
    file.seek(len(_PNG))
    while len(start := file.read(8)) == 8 and start[4:] != b"IDAT":
        yield start[4:]
        file.seek(int.from_bytes(start[:4], "big") + 4, 1)


def _holds_several(file: BinaryIO) -> bool:
    """Return whether JPEG images follow one another at once in a file."""
    file.seek(0)
    end = _jpeg_end(file)
    if end is None:
        return False
    file.seek(end)
    return file.read(3) == b"\xff\xd8\xff"


def _jpeg_end(file: BinaryIO) -> int | None:
    """Return the position after the first image of a file of JPEG images; None if it has no end."""
    position = 2
    while True:
        file.seek(position)
        marker = file.read(4)
        if len(marker) < 4 or marker[0] != 0xFF:
            return None
        if marker[1] == 0xFF:  # padding
            position += 1
            continue
        if marker[1] == 0xD9:
            return position + 2
        position += 2 + int.from_bytes(marker[2:], "big")
        if marker[1] == 0xDA:  # the compressed pixels follow
            file.seek(position)
            data = file.read()
            found = re.search(rb"\xff[^\x00\xff\xd0-\xd7]", data)
            if found is None:
                return None
            position += found.start()
