import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from livefan.networks.heatmaps import crop_to_heatmap, decode_argmax, decode_soft_argmax, heatmap_to_crop


def gaussian_logits(x: float, y: float, sigma: float = 1.2) -> torch.Tensor:
    """``(1, 1, 64, 64)`` logits whose softmax is a Gaussian about a place in crop pixels."""
    column, row = (crop_to_heatmap(torch.tensor(value)).item() for value in (x, y))
    rows, columns = np.mgrid[0:64, 0:64]
    logits = -((columns - column) ** 2 + (rows - row) ** 2) / (2 * sigma**2)
    return torch.from_numpy(logits)[None, None].float()


inside = st.floats(30, 225)


@given(inside, inside)
def test_soft_argmax_finds_a_gaussian_to_a_hundredth_of_a_pixel(x: float, y: float):
    decoded = decode_soft_argmax(gaussian_logits(x, y))
    assert decoded.points_crop[0, 0].tolist() == pytest.approx([x, y], abs=0.01)
    # The share of a Gaussian within 2.5 sigma is 0.956; cells make it coarse.
    assert decoded.confidence.item() == pytest.approx(0.956, abs=0.03)


@given(inside, inside)
def test_quarter_step_finds_a_gaussian_to_a_quarter_cell(x: float, y: float):
    points = decode_argmax(gaussian_logits(x, y)).points_crop
    assert points[0, 0].tolist() == pytest.approx([x, y], abs=1.01)


@given(inside, inside, st.floats(0.7, 4.0))
def test_sigma_is_the_standard_deviation_along_an_axis(x: float, y: float, sigma: float):
    """A Gaussian of ``sigma`` cells is one of ``4 * sigma`` crop pixels."""
    logits = gaussian_logits(x, y, sigma)
    measured = decode_soft_argmax(logits).spread_crop.item()
    assert measured == pytest.approx(4 * sigma, rel=0.08)  # wide ones are cut off by the map's edge
    # Of a map of values its foot does not count.
    assert decode_argmax(logits.exp()).spread_crop.item() == pytest.approx(4 * sigma, rel=0.2)


@given(inside, inside, st.floats(0.0, 1.0))
def test_confidence_of_a_value_map_is_the_height_of_its_peak(x: float, y: float, height: float):
    decoded = decode_argmax(height * gaussian_logits(x, y).exp())
    assert decoded.confidence.item() == pytest.approx(height, rel=0.17)  # a peak may lie between cells


def test_noise_does_not_widen_a_peak_and_an_empty_map_has_low_confidence():
    noise = 0.02 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    peak = gaussian_logits(100.0, 80.0).exp()
    alone, noisy, nothing = (decode_argmax(each) for each in (peak, peak + noise, -noise.abs()))
    assert noisy.confidence.item() == pytest.approx(alone.confidence.item(), abs=0.1)
    assert noisy.spread_crop.item() < 2 * alone.spread_crop.item()
    assert nothing.confidence.item() == 0
    assert nothing.spread_crop.item() > 60


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_peak_of_logits_is_in_place_and_its_confidence_between_zero_and_one(scale: float):
    logits = scale * (gaussian_logits(100.0, 80.0) + 0.5)
    decoded = decode_argmax(logits)
    assert decoded.points_crop[0, 0].tolist() == pytest.approx([100.0, 80.0], abs=1.01)
    assert 0 <= decoded.confidence.item() <= 1


def test_sigma_of_two_peaks_is_the_root_mean_variance_of_the_axes():
    heatmap = torch.zeros(1, 1, 64, 64)
    heatmap[0, 0, 30, 10] = heatmap[0, 0, 30, 50] = 40
    assert decode_soft_argmax(heatmap).spread_crop.item() == pytest.approx(4 * 20 / 2**0.5, rel=1e-4)


def test_quarter_step_goes_to_the_higher_neighbour_inside_the_map():
    heatmap = torch.zeros(1, 2, 64, 64)
    heatmap[0, 0, 10, 20], heatmap[0, 0, 10, 21], heatmap[0, 0, 9, 20] = 9, 5, 5
    heatmap[0, 1, 0, 63] = 9
    points = decode_argmax(heatmap).points_crop
    assert points[0, 0].tolist() == heatmap_to_crop(torch.tensor([20.25, 9.75])).tolist()
    assert points[0, 1].tolist() == heatmap_to_crop(torch.tensor([63.0, 0.0])).tolist()


def test_wide_and_double_peaks_have_low_confidence():
    smear = torch.zeros(1, 1, 64, 64)
    two_peaks = torch.zeros(1, 1, 64, 64)
    two_peaks[0, 0, 30, 10] = two_peaks[0, 0, 30, 50] = 20
    for heatmap in (smear, two_peaks):
        assert decode_soft_argmax(heatmap).confidence.item() < 0.02


def test_centre_of_a_cell_is_the_middle_of_its_four_by_four_pixels():
    assert heatmap_to_crop(torch.tensor([0.0, 63.0])).tolist() == [1.5, 253.5]


def test_decoding_works_in_bfloat16_to_the_precision_of_its_logits():
    points = decode_soft_argmax(gaussian_logits(100.0, 80.0).bfloat16()).points_crop
    assert points[0, 0].tolist() == pytest.approx([100.0, 80.0], abs=0.2)
