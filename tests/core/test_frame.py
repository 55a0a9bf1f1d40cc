import io
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from livefan.core.errors import LivefanError
from livefan.core.face_measures import Gaze
from livefan.core.frame import Face, Frame, as_bgr


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


def test_frame_without_times_was_captured_now(picture: np.ndarray):
    before = time.perf_counter()
    frame = Frame(picture, 3)
    assert before <= frame.captured_at <= time.perf_counter()
    assert frame.source_time == frame.captured_at


def test_frame_keeps_the_given_times(picture: np.ndarray):
    frame = Frame(picture, source_time=2.5)
    assert (frame.index, frame.source_time) == (0, 2.5)


@pytest.mark.parametrize(
    "unusual",
    [
        lambda picture: cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA),
        lambda picture: picture.astype(np.uint16) * 257,
        lambda picture: (picture.astype(np.uint16) * 257).astype(">u2"),
        np.asfortranarray,
        lambda picture: np.repeat(picture, 2, axis=1)[:, ::2],
        lambda picture: picture[::-1, ::-1].copy()[::-1, ::-1],
        lambda picture: Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)),
        lambda picture: Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGBA)),
    ],
    ids=["BGRA", "16 bits", "big-endian", "column order", "sliced", "negative strides", "PIL", "PIL RGBA"],
)
def test_harmless_kinds_of_images_give_the_same_pixels(picture: np.ndarray, unusual):
    converted = as_bgr(unusual(picture))
    assert np.array_equal(converted, picture)
    assert converted.flags.c_contiguous


@pytest.mark.parametrize(
    "grey",
    [
        lambda grey: grey,
        lambda grey: grey[..., None],
        Image.fromarray,
        lambda grey: Image.fromarray(grey.astype(np.uint16) * 257),
        lambda grey: Image.frombytes("I;16B", grey.shape[::-1], (grey.astype(">u2") * 257).tobytes()),
    ],
    ids=["two dimensions", "one channel", "PIL", "PIL 16 bits", "PIL big-endian"],
)
def test_grey_images_get_three_equal_channels(picture: np.ndarray, grey):
    converted = as_bgr(grey(picture[..., 0].copy()))
    assert np.array_equal(converted, np.repeat(picture[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    ("image", "advice"),
    [
        (np.zeros((0, 0, 3), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.float32), r"scale them to 0 to 255 .*astype\(numpy.uint8\)"),
        (np.zeros((4, 4, 3), np.int64), "convert them to uint8"),
        (Image.new("F", (4, 4)), r"scale them to 0 to 255 .*astype\(numpy.uint8\)"),
        (Image.new("I", (4, 4)), "convert them to uint8"),
        (np.zeros((4, 4, 3), bool), "convert them to uint8"),
        (np.zeros((4, 4, 2), np.uint8), "2 channels"),
        (np.zeros((3, 40, 40), np.uint8), "40 channels"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((1, 4, 4, 3), np.uint8), "shape"),
        (None, "NoneType"),
        ("photo.jpg", "str"),
        ([[0, 0, 0]], "list"),
    ],
    ids=[
        *(
            "empty",
            "float",
            "int64",
            "PIL float",
            "PIL int32",
            "bool",
            "two channels",
            "channels first",
            "flat",
            "batch",
        ),
        *("None", "path", "list"),
    ],
)
def test_other_images_give_an_error_that_names_frame_and_mend(image: object, advice: str):
    with pytest.raises(LivefanError, match=f"^frame 7: .*{advice}") as error:
        as_bgr(image, "frame 7")
    assert "\n" not in str(error.value)


@given(
    shape=st.lists(st.integers(0, 5), max_size=4),
    kind=st.sampled_from(["u1", "<u2", ">u2", "<u4", "<i2", "<f4", ">f8", "?", "<c8"]),
)
def test_any_array_is_converted_or_refused(shape: list[int], kind: str):
    array = np.ones(shape, kind)
    try:
        converted = as_bgr(array)
    except LivefanError:
        return
    assert converted.shape == (*array.shape[:2], 3)
    assert converted.dtype == np.uint8


def test_truncated_file_of_a_pil_image_gives_one_line():
    data = io.BytesIO()
    Image.new("RGB", (64, 64)).save(data, "PNG")
    image = Image.open(io.BytesIO(data.getvalue()[:60]))
    with pytest.raises(LivefanError, match="frame 3: PIL cannot read it") as caught:
        as_bgr(image, "frame 3")
    assert "\n" not in str(caught.value)


def test_gaze_is_computed_once_at_its_first_use():
    calls: list[int] = []

    def find() -> Gaze:
        calls.append(1)
        return Gaze(1.0, 2.0, 3.0, 4.0)

    face = Face(1, np.zeros(4), np.zeros((68, 2)), np.ones(68), gaze=find)
    assert not calls
    assert face.gaze == Gaze(1.0, 2.0, 3.0, 4.0)
    assert replace(face, track_id=2).gaze == face.gaze
    assert len(calls) == 1
    assert Face(1, np.zeros(4), np.zeros((68, 2)), np.ones(68)).gaze is None
