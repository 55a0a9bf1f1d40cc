"""Rendering of one or two models: panes, layouts, labels and heatmaps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from livefan.core.agreement import Disagreement
from livefan.core.crop import upright_crop
from livefan.core.frame import Face, Frame
from livefan.core.landmarks import COFW_29, IBUG_68
from livefan.drawing.faces import OverlayStyle
from livefan.drawing.text import size_of, write
from livefan.live.heatmaps import FaceHeatmaps, HeatmapProbe
from livefan.live.labels import heat, pair_spot_text, spots_of
from livefan.live.pairing import Pairing, pair
from livefan.live.pane import frame_to_pane
from livefan.live.render import Shown, natural_size, render
from livefan.live.result import Result
from livefan.live.view_state import Layout, Spot, View
from livefan.networks.checkpoint import Weights, load_weights, save_weights
from livefan.networks.checkpoint_info import read_weight_file
from livefan.networks.mobilefan import normalise

PLAIN = OverlayStyle(ids=False, boxes=False)


def result_of(
    image: np.ndarray, faces: list[Face], index: int = 0, epoch: int = 0, label: str = "a"
) -> Result:
    frame = Frame(image, index, captured_at=10.0 + index, source_time=index / 25)
    return Result(
        frame,
        faces,
        IBUG_68,
        label,
        "openvino int8",
        0.5,
        waited=0.0,
        seconds=0.01,
        finished_at=10.0,
        epoch=epoch,
    )


def moved(face: Face, by: float) -> Face:
    return replace(face, points_px=face.points_px + by, box_px=face.box_px + by)


@pytest.fixture
def shown(photo: np.ndarray, face: Face) -> Shown:
    first, second = result_of(photo, [moved(face, 6.0)], label="one"), result_of(photo, [face], label="two")
    return Shown(first, pair(first, second))


@given(
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.builds(
        View,
        mirror=st.booleans(),
        zoom=st.floats(0.1, 100),
        centre=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    ),
)
def test_image_fills_the_pane_or_is_centred(width: int, height: int, view: View):
    pane_width, pane_height = 640, 480
    matrix = frame_to_pane((height, width, 3), view, pane_width, pane_height)
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]]) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    low, high = corners.min(axis=0), corners.max(axis=0)
    for axis, room in enumerate((pane_width, pane_height)):
        if high[axis] - low[axis] >= room:
            assert low[axis] <= 1e-6
            assert high[axis] >= room - 1e-6
        else:
            assert low[axis] + high[axis] == pytest.approx(room, abs=1 + 1e-6)
            assert low[axis] == pytest.approx(round(low[axis]), abs=1e-6)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("zoom", "centre"), [(1.0, (0.5, 0.5)), (5.0, (0.6, 0.4))])
def test_landmark_is_found_at_its_place_in_the_picture(
    shown: Shown, face: Face, mirror: bool, zoom: float, centre: tuple[float, float]
):
    picture = render(shown, View(mirror=mirror, zoom=zoom, centre=centre), (901, 603))
    (pane,) = picture.panes
    points = shown.first.faces[0].points_px
    places = points @ pane.matrix[:, :2].T + pane.matrix[:, 2]
    assert np.allclose(pane.to_image(*places[30]), points[30])
    assert pane.spot_at(*(places[30] + 2)) == Spot(face.track_id, 30)
    assert pane.spot_at(-300.0, -300.0) is None


def test_picture_at_natural_size_equals_the_frame(shown: Shown, photo: np.ndarray):
    view = View(overlay=False)
    assert np.array_equal(render(shown, view, natural_size(shown, view.layout)).image, photo)
    mirrored = render(shown, replace(view, mirror=True), natural_size(shown, view.layout)).image
    assert np.abs(mirrored.astype(int) - photo[:, ::-1]).max() <= 1


@pytest.mark.parametrize("size", [(640, 480), (333, 300), (901, 603), (500, 900)])
def test_scaled_image_lies_where_its_landmarks_do(size: tuple[int, int]):
    """The middle of a square is where the matrix of the pane puts it."""
    image = np.zeros((300, 400, 3), np.uint8)
    image[101:140, 251:290] = 255
    picture = render(Shown(result_of(image, [])), View(), size)
    rows, columns = np.nonzero(picture.image[:, :, 0] > 127)
    (pane,) = picture.panes
    assert pane.to_pane(np.array([[270.0, 120.0]]))[0] == pytest.approx(
        (np.mean([columns.min(), columns.max()]), np.mean([rows.min(), rows.max()])), abs=0.6
    )


def test_large_frame_is_averaged():
    stripes = np.zeros((1200, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    picture = render(Shown(result_of(stripes, [])), View(), (400, 300)).image
    assert picture.min() >= 120
    assert picture.max() <= 135


def test_side_by_side_has_one_pane_for_each_model(shown: Shown):
    picture = render(shown, View(layout=Layout.SIDE_BY_SIDE), (900, 300))
    assert picture.layout is Layout.SIDE_BY_SIDE
    assert [pane.result.label for pane in picture.panes] == ["one", "two"]
    assert picture.panes[0].width == picture.panes[1].width
    assert picture.panes[1].left + picture.panes[1].width == 900


@pytest.mark.parametrize("layout", [Layout.SIDE_BY_SIDE, Layout.OVERLAID, Layout.WIPE, Layout.DIFFERENCE])
@pytest.mark.parametrize("width", [200, 390, 900])
def test_labels_of_models_do_not_overlap(
    photo: np.ndarray, face: Face, layout: Layout, width: int, monkeypatch: pytest.MonkeyPatch
):
    written: dict[str, tuple[int, int]] = {}

    def note(canvas: np.ndarray, text: str, place: tuple[int, int], *how, **more) -> None:
        written[text] = place
        write(canvas, text, place, *how, **more)

    monkeypatch.setattr("livefan.live.labels.write", note)
    first, second = (
        result_of(photo, [face], label=f"mobilefan-{name}-300w@openvino") for name in ("half", "full")
    )
    render(Shown(first, pair(first, second)), View(layout=layout), (width, 300))
    (x, y), (other_x, other_y) = (
        written[next(text for text in written if text.startswith(f"mobilefan-{name}"))]
        for name in ("half", "full")
    )
    letters = 13
    assert abs(y - other_y) >= letters or other_x > x + size_of(f"{first.label}  10 ms", letters)[0]


def test_wipe_shows_one_model_on_each_side(shown: Shown):
    def pictures(wipe: float) -> np.ndarray:
        return render(shown, View(layout=Layout.WIPE, wipe=wipe, style=PLAIN), (640, 360)).image[40:-30]

    first, half, second = pictures(1.0), pictures(0.5), pictures(0.0)
    assert np.array_equal(half[:, :310], first[:, :310])
    assert np.array_equal(half[:, 330:], second[:, 330:])
    assert not np.array_equal(first[:, 330:630], second[:, 330:630])


def test_difference_is_red_where_models_disagree(shown: Shown, photo: np.ndarray, face: Face):
    def redness(by: float) -> int:
        first = result_of(photo, [moved(face, by)])
        second = result_of(photo, [face])
        view = View(layout=Layout.DIFFERENCE, style=PLAIN)
        image = render(Shown(first, pair(first, second)), view, (640, 360)).image.astype(int)
        image = image[40:-30]  # without the labels
        return int(((image[..., 2] > 180) & (image[..., 1] < 110)).sum())

    assert redness(0.0) == 0
    assert redness(20.0) > 200


def test_arrows_and_distances_belong_to_the_same_pair_of_faces(
    photo: np.ndarray, face: Face, monkeypatch: pytest.MonkeyPatch
):
    """The face with the largest overlap is paired, not a small one whose centre is nearer."""
    middle = (face.box_px[:2] + face.box_px[2:]) / 2
    near = replace(
        face,
        track_id=2,
        points_px=middle + 0.2 * (face.points_px - middle),
        box_px=np.tile(middle, 2) + 0.2 * (face.box_px - np.tile(middle, 2)),
    )
    overlapping = moved(face, 12.0)
    starts: list[np.ndarray] = []
    monkeypatch.setattr("livefan.live.render.draw_arrows", lambda canvas, start, *rest: starts.append(start))
    first, second = result_of(photo, [face]), result_of(photo, [near, overlapping])
    view = View(layout=Layout.DIFFERENCE)
    picture = render(Shown(first, pair(first, second)), view, (640, 360))
    matrix = picture.panes[0].matrix
    (start,) = starts
    assert np.allclose(start, overlapping.points_px @ matrix[:, :2].T + matrix[:, 2])


def test_every_layout_shows_the_first_model_without_a_pair(photo: np.ndarray, face: Face):
    alone = Shown(result_of(photo, [face]))
    expected = render(alone, View(), (640, 360)).image
    for layout in Layout:
        picture = render(alone, View(layout=layout), (640, 360))
        assert picture.layout is Layout.SINGLE
        assert np.array_equal(picture.image, expected)


def test_picture_without_result_is_black():
    picture = render(Shown(), View(layout=Layout.WIPE), (0, -3))
    assert picture.image.shape == (1, 1, 3)
    assert not picture.image.any()


def test_heatmaps_lie_on_their_landmarks(photo: np.ndarray, face: Face):
    file = read_weight_file()
    heatmaps = HeatmapProbe(file).heatmaps(photo, [face])
    (maps,) = heatmaps
    side = file.info.input_size // 4
    assert maps.maps.shape == (68, side, side)
    peaks = np.array([np.unravel_index(each.argmax(), each.shape)[::-1] for each in maps.maps])
    peaks_px = maps.crop.to_image(peaks * 4 + 1.5)
    cell_px = maps.crop.side_px / side
    assert np.median(np.linalg.norm(peaks_px - face.points_px, axis=1)) < cell_px
    dark = np.zeros_like(photo)
    result = replace(result_of(dark, [face]), heatmaps=heatmaps)
    spot = View(overlay=False, spot=Spot(face.track_id, 30))
    every = render(Shown(result), View(overlay=False, heatmaps=True), (640, 360)).image.max(axis=2)
    one = render(Shown(result), replace(spot, heatmaps=True), (640, 360)).image.max(axis=2)
    assert 0 < (one > 60).sum() < (every > 60).sum()
    x, y = np.round(face.points_px[30]).astype(int)
    assert every[y, x] > 60
    assert one[y, x] > 60


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilefan-300w", "teacher-300w"])
def test_heatmaps_equal_those_of_torch(photo: np.ndarray, face: Face, name: str):
    weights = load_weights(name)
    (maps,) = HeatmapProbe(read_weight_file(name)).heatmaps(photo, [face])
    crop = upright_crop(face.points_px, IBUG_68).sized(weights.info.input_size)
    pixels = torch.from_numpy(crop.cut(photo)[None])
    with torch.inference_mode():
        logits = weights.model(normalise(pixels)).float()
    expected = (logits - logits.amax((2, 3), keepdim=True)).exp()[0].numpy()
    assert np.abs(maps.maps - expected).max() < 1e-4


@pytest.mark.slow
def test_heatmaps_of_the_argmax_decoder_are_not_scaled(
    photo: np.ndarray, face: Face, weights: Weights, tmp_path: Path
):
    path = tmp_path / "values.safetensors"
    save_weights(path, weights.model, replace(weights.info, decoder="argmax"))
    (maps,) = HeatmapProbe(read_weight_file(path)).heatmaps(photo, [face])
    crop = upright_crop(face.points_px, IBUG_68).sized(weights.info.input_size)
    with torch.inference_mode():
        values = weights.model(normalise(torch.from_numpy(crop.cut(photo)[None])))[0].numpy()
    assert np.abs(maps.maps - values.clip(0, 1)).max() < 1e-3


def test_results_of_one_frame_are_paired_in_any_order(photo: np.ndarray, face: Face):
    pairing = Pairing()
    near, far = result_of(photo, [moved(face, 1.0)], 3), result_of(photo, [face], 3)
    assert pairing.add(0, near) is None
    paired = pairing.add(1, far)
    assert paired is not None
    assert paired.first.faces == near.faces
    assert paired.second.faces == far.faces
    assert paired.frame.image is photo
    assert isinstance(paired.disagreements[0], Disagreement)
    again = Pairing()
    assert again.add(1, far) is None
    other = again.add(0, near)
    assert other is not None
    assert other.disagreements[0].overall == pytest.approx(paired.disagreements[0].overall)


def test_pair_has_the_heatmaps_of_the_first_model_in_any_order(photo: np.ndarray, face: Face):
    heatmaps = HeatmapProbe(read_weight_file()).heatmaps(photo, [face])
    explained, plain = replace(result_of(photo, [face], 3), heatmaps=heatmaps), result_of(photo, [face], 3)
    for order in ((0, 1), (1, 0)):
        pairing = Pairing()
        for side in order:
            paired = pairing.add(side, (explained, plain)[side])
        assert paired is not None
        assert paired.first.heatmaps is heatmaps
        assert paired.second.heatmaps == ()
    again = Pairing()
    again.add(0, explained)
    for index in range(4, 40):
        again.add(0, replace(result_of(photo, [face], index), heatmaps=heatmaps))
    late = again.add(1, plain)
    assert late is not None
    assert late.first.heatmaps == ()  # they are large, and not kept for long


def test_difference_has_a_legend_of_its_colours(shown: Shown):
    def lower_right(layout: Layout) -> np.ndarray:
        view = View(layout=layout, overlay=False, style=PLAIN)
        return render(shown, view, (900, 600)).image[-30:, -200:].astype(int)

    legend = lower_right(Layout.DIFFERENCE)
    red = (legend[..., 2] > 220) & (legend[..., 1] < 90)
    yellow = (legend[..., 2] > 200) & (legend[..., 1] > 200) & (legend[..., 0] < 150)
    blue = (legend[..., 0] > 170) & (legend[..., 2] < 90)
    columns = [np.flatnonzero(each.any(axis=0)).mean() for each in (blue, yellow, red)]
    assert columns == sorted(columns)
    assert heat(np.array([0.0, 0.5, 1.0, 7.0])) == [
        (190, 150, 60),
        (90, 230, 255),
        (50, 40, 255),
        (50, 40, 255),
    ]


def test_letters_grow_with_the_resolution_of_the_screen(photo: np.ndarray, face: Face):
    black = np.zeros_like(photo)
    shown = Shown(result_of(black, []), pair(result_of(black, [moved(face, 6.0)]), result_of(black, [face])))

    def height(letters: float) -> int:
        """Of what is written at the lower left."""
        view = View(layout=Layout.DIFFERENCE, overlay=False, style=PLAIN, letters=letters)
        rows = render(shown, view, (900, 600)).image[-60:, :250].any(axis=(1, 2))
        return int(np.ptp(np.flatnonzero(rows)))

    assert height(2.0) == pytest.approx(2 * height(1.0), abs=2)


def test_results_of_different_frames_are_not_paired(photo: np.ndarray, face: Face):
    pairing = Pairing()
    assert pairing.add(0, result_of(photo, [face], index=3, epoch=1)) is None
    assert pairing.add(1, result_of(photo, [face], index=4, epoch=1)) is None
    assert pairing.add(1, result_of(photo, [face], index=3, epoch=2)) is None
    pairing.clear()
    assert pairing.add(1, result_of(photo, [face], index=3, epoch=1)) is None


def test_models_of_different_schemes_are_paired_on_their_common_landmarks(photo: np.ndarray, face: Face):
    short = replace(face, points_px=face.points_px[:29], confidence=face.confidence[:29], occluded=None)
    second = replace(result_of(photo, [short]), scheme=COFW_29)
    first = result_of(photo, [face])
    paired = pair(first, second)
    assert all(len(each.points) == paired.common.scheme.n_points for each in paired.disagreements)
    for layout in Layout:
        for spot in (Spot(face.track_id, 36), Spot(face.track_id, 67), Spot(face.track_id, 8, side=1)):
            render(Shown(first, paired), View(layout=layout, spot=spot), (320, 200))


def test_distance_of_a_frame_is_the_mean_over_its_faces(photo: np.ndarray, face: Face):
    other = replace(moved(face, 300.0), track_id=2)
    both = pair(result_of(photo, [moved(face, 3.0), moved(other, 6.0)]), result_of(photo, [face, other]))
    assert both.apart is not None
    overall = [each.overall for each in both.disagreements]
    assert overall[1] == pytest.approx(2 * overall[0])
    assert both.apart.overall == pytest.approx(1.5 * overall[0])
    assert pair(result_of(photo, []), result_of(photo, [face])).apart is None


@pytest.mark.parametrize(
    ("size", "second"), [((1000, 300), (502, 0)), ((640, 724), (0, 364))], ids=["beside", "stacked"]
)
def test_wide_frames_stack_in_a_tall_picture(
    shown: Shown, face: Face, size: tuple[int, int], second: tuple[int, int]
):
    picture = render(shown, View(layout=Layout.SIDE_BY_SIDE), size)
    pane = picture.panes[1]
    assert (pane.left, pane.top) == second
    x, y = pane.matrix @ [*face.points_px[30], 1.0]
    assert pane.to_image(x + pane.left, y + pane.top) == pytest.approx(face.points_px[30])
    assert pane.spot_at(x + pane.left, y + pane.top) == Spot(face.track_id, 30)
    assert picture.image[pane.top :, pane.left :].any()


def test_selected_landmark_shows_both_confidences_and_the_distance(shown: Shown, face: Face):
    other = replace(shown.pair.second.faces[0], track_id=face.track_id + 7)
    both = pair(shown.first, replace(shown.pair.second, faces=[other]))  # the models number faces alone
    by_first, by_second = Spot(face.track_id, 30), Spot(face.track_id + 7, 30, side=1)
    assert spots_of(both, by_first) == spots_of(both, by_second) == (by_first, by_second)
    one, two = (each.faces[0].confidence[30] for each in (both.first, both.second))
    apart = both.disagreements[0].points[30]
    text = f"30: nose bridge 3, confidence {one:.2f} and {two:.2f}, {apart:.2f} % apart"
    assert pair_spot_text(both, by_first) == pair_spot_text(both, by_second) == text
    for layout in (Layout.SIDE_BY_SIDE, Layout.OVERLAID, Layout.WIPE, Layout.DIFFERENCE):
        view = View(layout=layout, style=PLAIN)
        plain = render(Shown(both.first, both), view, (800, 400)).image
        for spot in (by_first, by_second):
            marked = render(Shown(both.first, both), replace(view, spot=spot), (800, 400)).image
            assert not np.array_equal(plain, marked)


@pytest.mark.parametrize(("point", "side"), [(96, 1), (30, 1), (96, 0)])
def test_landmark_of_another_model_is_not_drawn_with_a_single_model(
    shown: Shown, face: Face, point: int, side: int
):
    """It stays selected when the layout or the model changes while the recording is paused."""
    first = shown.first
    assert first is not None
    maps = np.zeros((68, 8, 8), np.float32)
    heatmaps = (FaceHeatmaps(face.track_id, upright_crop(face.points_px, IBUG_68), maps),)
    shown = Shown(replace(first, heatmaps=heatmaps), shown.pair)
    view = View(spot=Spot(face.track_id, point, side))
    expected = render(shown, View(), (320, 200)).image
    assert np.array_equal(render(shown, view, (320, 200)).image, expected)


@pytest.mark.parametrize("layout", [Layout.SIDE_BY_SIDE, Layout.OVERLAID, Layout.WIPE, Layout.DIFFERENCE])
def test_heatmaps_of_both_models_are_drawn(photo: np.ndarray, face: Face, layout: Layout):
    dark = np.zeros_like(photo)
    heatmaps = HeatmapProbe(read_weight_file()).heatmaps(photo, [face])
    plain = result_of(dark, [face])
    view = View(layout=layout, overlay=False, wipe=0.0, heatmaps=True)
    second_only = pair(plain, replace(plain, heatmaps=heatmaps))
    without = render(Shown(plain, pair(plain, plain)), view, (640, 360)).image
    assert (render(Shown(plain, second_only), view, (640, 360)).image > without).any()
