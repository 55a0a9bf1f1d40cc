"""Codecs of the annotated video, and the picture format that an encoder needs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from av.video.codeccontext import VideoCodecContext

from livefan.io.source import Source

SEGMENT = 512
"""Frames of one segment of encoded video, which decodes on its own. A kill costs at most one segment."""
_BT_601 = 6  # ISO/IEC 23091-2, MatrixCoefficients of OpenCV's conversion to YUV


@dataclass(frozen=True)
class Codec:
    """A video codec.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        quality: default constant rate factor; a lower value gives better quality and larger files.
        worst: largest constant rate factor.
        options: speed options of the encoder.
        suffixes: file names that can hold the codec.
    """

    encoder: str
    quality: int
    worst: int
    options: dict[str, str]
    suffixes: tuple[str, ...] = (".mp4", ".mov", ".mkv")


CODECS = {
    # mbtree spends bits where later frames profit: a third less time than veryfast, an eighth more bits at
    # the same quality.
    "h264": Codec("libx264", 20, 51, {"preset": "superfast", "x264-params": "mbtree=1:rc-lookahead=10"}),
    "hevc": Codec("libx265", 24, 51, {"preset": "veryfast", "x265-params": "log-level=error"}),
    "vp9": Codec(
        "libvpx-vp9", 31, 63, {"deadline": "realtime", "cpu-used": "6", "b": "0"}, (".webm", ".mkv", ".mp4")
    ),
    "av1": Codec("libsvtav1", 32, 63, {"preset": "9"}, (".mp4", ".mkv", ".webm")),
}
VIDEO_SUFFIXES = tuple(dict.fromkeys(suffix for codec in CODECS.values() for suffix in codec.suffixes))


@dataclass(frozen=True)
class VideoFormat:
    """Codec of the video, a key of :data:`CODECS`, and its constant rate factor (None: the default)."""

    codec: str = "h264"
    quality: int | None = None

    @property
    def options(self) -> dict[str, str]:
        """The options of the encoder."""
        codec = CODECS[self.codec]
        return {**codec.options, "crf": str(codec.quality if self.quality is None else self.quality)}


@dataclass(frozen=True)
class PictureFormat:
    """The pictures that an encoder receives: even size, time base, rate, pixel aspect and colour matrix."""

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction
    colour_tagged: bool

    @classmethod
    def of(cls, source: Source) -> PictureFormat:
        """Return the picture format of a recording."""
        width, height = source.size
        rate = Fraction(source.fps or 25).limit_denominator(1001)
        return cls(
            (width + width % 2, height + height % 2),
            source.time_base,
            max(rate, Fraction(1, 1000)),
            source.pixel_aspect,
            source.colour_tagged,
        )

    def set_up(self, context: VideoCodecContext) -> None:
        """Set the picture format of an encoder."""
        context.width, context.height = self.size
        context.pix_fmt = "yuv420p"
        context.time_base = self.time_base
        context.framerate = self.rate
        context.sample_aspect_ratio = self.pixel_aspect
        context.gop_size = SEGMENT // 2
        # Without B-frames packets come in the order of their timestamps.
        context.max_b_frames = 0
        if self.colour_tagged:
            context.colorspace = _BT_601
