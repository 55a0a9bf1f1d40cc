"""Codecs of the annotated video."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import (
    moved,
    read_pictures,
    write_recording,
)

from livefan.annotation.annotate import annotate
from livefan.annotation.codecs import CODECS, VIDEO_SUFFIXES, PictureFormat, VideoFormat
from livefan.annotation.encoder import SegmentEncoder
from livefan.annotation.journal import Journal
from livefan.annotation.outputs import Outputs
from livefan.annotation.settings import AnnotationSettings
from livefan.cli.commands import annotate as command
from livefan.cli.commands import options
from livefan.core.errors import LivefanError
from livefan.drawing.faces import STYLE_PARTS


@pytest.mark.slow
@pytest.mark.parametrize("codec", list(CODECS))
def test_each_codec_encodes_at_the_given_quality(
    tmp_path: Path, small: np.ndarray, codec: str, capfd: pytest.CaptureFixture[str]
):
    clip = write_recording(tmp_path / "in.mkv", [moved(small, 2 * n) for n in range(5)])
    sizes = []
    for quality in (20, 45):
        suffix = CODECS[codec].suffixes[-1]
        outputs = Outputs(tmp_path / f"out{quality}", suffix, ())
        annotate(clip, outputs, AnnotationSettings(video=VideoFormat(codec, quality)))
        _, times = read_pictures(outputs.picture or clip)
        assert times == [Fraction(n, 25) for n in range(5)]
        sizes.append((outputs.picture or clip).stat().st_size)
    assert sizes[0] > sizes[1]
    assert capfd.readouterr().err == ""  # encoders print no settings
    with pytest.raises(LivefanError, match="does not hold"):
        annotate(clip, Outputs(tmp_path / "no", ".mov"), AnnotationSettings(video=VideoFormat("vp9")))


def test_h264_is_the_same_on_one_core_and_on_three(
    tmp_path: Path, small: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    videos = []
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        with Journal(tmp_path / f"{cores}.sqlite", "") as journal:
            picture = PictureFormat(
                (320, 180), Fraction(1, 25), Fraction(25), Fraction(1), colour_tagged=False
            )
            encoder = SegmentEncoder(picture, VideoFormat(), journal, tmp_path / "out.mp4")
            for index in range(4):
                encoder.add(moved(small, 2 * index), index)
            encoder.end_segment(4)
            videos.append([packet.data for packet in journal.packets()])
    assert len(videos[0]) == 4
    assert videos[0][1:] == videos[1][1:]  # the first packet names the encoder's settings


def test_command_line_lists_all_codecs_and_drawing_parts():
    assert tuple(CODECS) == command.CODECS
    assert VIDEO_SUFFIXES == (".mp4", ".mov", ".mkv", ".webm")
    assert options.STYLE_PARTS == STYLE_PARTS
