from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livefan.core.boxes import bounding_box
from livefan.core.face_measures import AspectRatios, HeadPose
from livefan.core.landmarks import IBUG_68
from livefan.formats.metadata import Metadata, ModelInfo, metadata_path
from livefan.formats.records import AnnotatedFace, AnnotatedFrame, Found, FrameInfo
from livefan.formats.registry import FORMATS, SUFFIXES, format_of

Write = Callable[..., list[Path]]


@pytest.fixture
def metadata() -> Metadata:
    model = ModelInfo("mobilefan-300w", "0" * 64, "mobilefan 1", "openvino float32")
    return Metadata(
        *("0.2.0", "talk.mkv", 160, 120, 25.0, Fraction(1, 1000), Fraction(0), IBUG_68.name, model),
        smoothing={"method": "none"},
        longest_gap_s=0.5,
    )


def annotated_face(track_id: int, found: Found, seed: int) -> AnnotatedFace:
    """A face with random landmarks."""
    random = np.random.default_rng(seed)
    points_px = random.uniform(10, 110, (68, 2))
    filled = found == "filled"
    return AnnotatedFace(
        track_id=track_id,
        found=found,
        box_px=bounding_box(points_px),
        points_px=points_px,
        raw_points_px=np.full((68, 2), np.nan) if filled else points_px + 0.5,
        confidence=np.zeros(68) if filled else random.uniform(0, 1, 68),
        pose=HeadPose(-12.34567, 3.0, 0.5, (1.0, 2.0, 600.0), 1.25),
        aspect_ratios=AspectRatios(0.31234567, 0.3, 0.1),
    )


@pytest.fixture
def frames() -> list[AnnotatedFrame]:
    """Four frames: two faces, no face, a filled face, and a smaller frame after a gap."""
    two = (annotated_face(1, "forwards", 0), annotated_face(2, "backwards", 1))
    return [
        AnnotatedFrame(FrameInfo(0, 0, 0.0, "", 160, 120), two),
        AnnotatedFrame(FrameInfo(1, 40, 0.04, "", 160, 120), ()),
        AnnotatedFrame(FrameInfo(2, 80, 0.08, "errors", 160, 120), (annotated_face(1, "filled", 2),)),
        AnnotatedFrame(FrameInfo(3, 200, 0.2, "gap", 80, 60), (annotated_face(1, "forwards", 3),)),
    ]


@pytest.fixture
def write(frames: list[AnnotatedFrame], metadata: Metadata) -> Write:
    """Writes the frames to ``BASE.SUFFIX`` for some suffixes, and the metadata beside them."""

    def write(
        base: Path,
        suffixes: Sequence[str] = SUFFIXES,
        recording: str = "talk.mkv",
        measures: tuple[str, ...] = (),
    ) -> list[Path]:
        named = replace(metadata, recording=recording, measures=measures)
        paths = [base.with_name(base.name + suffix) for suffix in suffixes]
        with ExitStack() as stack:
            for path in paths:
                writer = stack.enter_context(format_of(path).writer(path, named))
                writer.write(frames[:3])
                writer.write(frames[3:])
        counts = {"n_frames": len(frames), "n_faces": sum(len(frame.faces) for frame in frames)}
        named.write(metadata_path(paths[0], suffixes[0]), **counts)
        return paths

    return write


@pytest.fixture(params=list(FORMATS))
def suffix(request: pytest.FixtureRequest) -> str:
    """The suffix of each format."""
    return FORMATS[request.param].suffix
