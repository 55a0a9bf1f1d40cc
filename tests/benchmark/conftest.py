import pytest

from livefan.benchmark import baselines
from livefan.benchmark.budget import WHOLE
from livefan.benchmark.footprint import Footprint
from livefan.benchmark.suite import (
    LIVEFAN,
    FaceCount,
    FrameSize,
    Program,
    Report,
)
from livefan.benchmark.timing import Timing


@pytest.fixture
def report() -> Report:
    timing = Timing(4.0, 5.0, 100, 3.0)
    return Report(
        machine="a machine",
        versions={"openvino": "1"},
        commit="abc",
        clip="clip.mp4",
        threads=1,
        programs={
            LIVEFAN: Program("whole.safetensors", "01ab", "openvino", "int8"),
            f"{LIVEFAN}, half": Program("half.safetensors", "23cd", "torch", "float32"),
        },
        in_turn={
            LIVEFAN: timing,
            f"{LIVEFAN}, half": Timing(2.0, 3.0, 100, 1.8),
            baselines.MEDIAPIPE: Timing(8.0, 9.0, 100, 9.0),
        },
        stages={"crop": Timing(0.5, 0.6, 100, 0.5), "model": Timing(2.0, 2.1, 100, 2.0)},
        end_to_end=Timing(7.0, 9.0, 100, 7.0),
        faces=[FaceCount(1, 1.0, timing), FaceCount(2, 2.0, timing)],
        sizes=[FrameSize(640, 480, timing)],
        footprints=[Footprint("livefan", 1.5, 200.0), Footprint(baselines.MEDIAPIPE, 1.0, None)],
        notes=["a note"],
        layers={"Convolution_1": 1.0},
        budget={WHOLE: 4.0, "crop": 0.5},
    )
