from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from livefan.core.errors import LivefanError
from livefan.core.frame import Face, as_bgr
from livefan.core.landmarks import IBUG_68
from livefan.drawing.faces import OverlayStyle, draw_faces
from livefan.io.video_writer import ImageSink, VideoSink


def write_clip(path: Path, pictures: list[np.ndarray], times: list[float]) -> None:
    with VideoSink(path) as sink:
        for picture, time in zip(pictures, times, strict=True):
            sink.write(picture, time)


def read_clip(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    return [frame.to_ndarray(format="bgr24") for frame in decoded], [frame.time for frame in decoded]


@pytest.fixture
def face() -> Face:
    points = np.random.default_rng(0).uniform(40, 90, (68, 2))
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return Face(3, box, points, np.linspace(0, 1, 68))


def test_a_video_keeps_every_frame_and_its_uneven_times(tmp_path: Path):
    times = [0.0, 0.04, 0.05, 0.3, 0.35, 1.0]
    pictures = [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(6)]
    write_clip(tmp_path / "clip.mp4", pictures, times)
    read, read_times = read_clip(tmp_path / "clip.mp4")
    assert read_times == pytest.approx(times, abs=1e-4)
    assert [int(picture.mean()) for picture in read] == pytest.approx([40 * i for i in range(6)], abs=4)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_odd_sizes_grow_by_a_row_of_black(tmp_path: Path, suffix: str):
    path = tmp_path / f"odd{suffix}"
    write_clip(path, [np.full((33, 47, 3), 200, np.uint8)] * 3, [0, 0.1, 0.2])
    read, _ = read_clip(path)
    assert read[0].shape == (34, 48, 3)
    assert abs(int(read[0][:32, :46].mean()) - 200) < 6


def test_frames_of_another_size_are_fitted(tmp_path: Path):
    pictures = [np.full((48, 64, 3), 200, np.uint8), np.full((100, 40, 3), 200, np.uint8)]
    write_clip(tmp_path / "clip.mp4", pictures, [0, 0.1])
    read, _ = read_clip(tmp_path / "clip.mp4")
    assert read[1].shape == (48, 64, 3)
    assert read[1][:, 28:36].mean() > 180
    assert read[1][:, :20].mean() < 20


def test_an_interrupted_output_leaves_nothing_and_keeps_what_was_there(tmp_path: Path):
    class StoppedError(Exception):
        pass

    video, image = tmp_path / "v.mp4", tmp_path / "i.png"
    video.write_text("before")
    with pytest.raises(StoppedError), VideoSink(video) as pictures:  # noqa: PT012
        pictures.write(np.zeros((32, 32, 3), np.uint8), 0.0)
        raise StoppedError
    with pytest.raises(StoppedError), ImageSink(image):
        raise StoppedError
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
    assert video.read_text() == "before"


def test_an_output_without_a_single_frame_is_an_error(tmp_path: Path):
    for sink in (VideoSink(tmp_path / "v.mp4"), ImageSink(tmp_path / "i.png")):
        with pytest.raises(LivefanError, match="no frames"), sink:
            pass
    assert not list(tmp_path.iterdir())


def test_the_overlay_is_drawn_at_the_landmarks(face: Face):
    image = np.zeros((130, 130, 3), np.uint8)
    draw_faces(image, [face], IBUG_68, OverlayStyle(outlines=False, boxes=False, ids=False))
    for x, y in face.points_px:
        assert image[round(y), round(x)].any()
    far = np.ones((130, 130), bool)
    for x, y in face.points_px:
        far[max(0, int(y) - 4) : int(y) + 6, max(0, int(x) - 4) : int(x) + 6] = False
    assert not image[far].any()


def test_each_part_of_the_overlay_can_be_left_out(face: Face):
    def drawn(**style: bool) -> int:
        image = np.zeros((130, 130, 3), np.uint8)
        draw_faces(image, [face], IBUG_68, OverlayStyle(**style))
        return int((image > 0).any(axis=2).sum())

    nothing = {"outlines": False, "points": False, "boxes": False, "ids": False}
    assert drawn(**nothing) == 0
    assert all(drawn(**(nothing | {part: True})) > 20 for part in nothing)


def read_only(image: np.ndarray) -> np.ndarray:
    image.setflags(write=False)
    return image


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros((130, 130), np.uint8),
        lambda: np.zeros((130, 130, 1), np.uint8),
        lambda: np.zeros((130, 130, 4), np.uint8),
        lambda: np.zeros((130, 130, 4), np.uint8)[..., :3],
        lambda: np.zeros((130, 130, 3), np.uint8)[..., ::-1],
        lambda: np.zeros((130, 130, 3), np.uint8)[::-1],
        lambda: np.zeros((130, 260, 3), np.uint8)[:, ::2],
        lambda: np.zeros((130, 130, 3), np.uint8).transpose(1, 0, 2),
        lambda: np.zeros((130, 130, 3), np.uint16),
        lambda: read_only(np.zeros((130, 130, 3), np.uint8)),
    ],
)
def test_an_image_that_cannot_be_drawn_on_in_place_is_refused_in_one_line_with_the_way_out(
    make: Callable[[], np.ndarray], face: Face
):
    image = make()
    way_out = r"draw on livefan\.frame\.as_bgr\(image\)\.copy\(\)"
    for faces in ([face], []):
        with pytest.raises(LivefanError, match=way_out) as caught:
            draw_faces(image, faces, IBUG_68)
        assert "\n" not in str(caught.value)
    drawn = as_bgr(image).copy()
    draw_faces(drawn, [face], IBUG_68)
    assert drawn.any()


def test_a_part_of_an_image_is_drawn_on_in_place(face: Face):
    image = np.zeros((260, 200, 3), np.uint8)
    draw_faces(image[0:260:2, 20:150], [face], IBUG_68, OverlayStyle(numbers=True, mesh=True))
    assert image[::2, 20:150].any()
    assert not image[1::2].any()
    assert not image[:, :20].any()


def test_a_face_partly_or_wholly_outside_the_image_is_drawn_without_error(face: Face):
    for shift in (-70.0, 1e6, -1e9):
        away = Face(1, face.box_px + shift, face.points_px + shift, face.confidence)
        draw_faces(np.zeros((60, 60, 3), np.uint8), [away], IBUG_68)
