"""Side data of decoded pictures, of every type that FFmpeg knows."""

from __future__ import annotations

from typing import Any, cast

from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame


def _unknown_type(cls: type[Type], value: object) -> Type:
    """Return a type for a number that PyAV does not list."""
    member: Any = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return cast(Type, member)


# PyAV's list of types ends before that of its FFmpeg. A picture with EXIF would raise ValueError for all of
# its side data.
Type._missing_ = classmethod(_unknown_type)  # type: ignore[method-assign,assignment]


def display_matrix(picture: VideoFrame) -> bytes | None:
    """Return the display matrix of a picture: nine int32 in the order of ISO/IEC 14496-12, 8.3.2."""
    # picture.side_data would keep the picture and its decoder in a reference cycle, which only the garbage
    # collector frees.
    side_data: Any = SideDataContainer(picture)  # type: ignore[call-arg]  # not in PyAV's stub
    return bytes(side_data[Type.DISPLAYMATRIX]) if Type.DISPLAYMATRIX in side_data else None
