import numpy as np
import pytest

from livefan.tracking.noise_model import AdaptiveNoise, AdaptivePartNoise, CameraNoise, SmootherSettings

SETTINGS = SmootherSettings()
FRAME = 1 / 30
SHAPE = np.random.default_rng(0).uniform(0, 1, 68) + 1j * np.random.default_rng(1).uniform(0, 1, 68)
ONES = np.ones(68)


def noise(std: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return std * (rng.standard_normal(68) + 1j * rng.standard_normal(68))


def test_usual_heatmap_has_variance_one_and_wider_heatmaps_more():
    sigma = SETTINGS.usual_sigma * 200 * np.array([1.0, 2.0, 1000.0, 0.0])
    variance = SETTINGS.relative_variance(sigma, 200.0)
    assert variance[0] == pytest.approx(1.0)
    assert variance[1] == pytest.approx(2 ** (2 * SETTINGS.noise_growth))
    assert np.isfinite(variance).all()
    assert (variance > 0).all()


def test_innovations_within_the_noise_do_not_inflate():
    adaptive = AdaptiveNoise(SETTINGS)
    factors = [adaptive.inflation(innovation, 1.0, 1.0, FRAME) for innovation in noise(1.0)]
    assert set(factors) == {1.0}
    assert adaptive.density == 0.0


def test_large_innovation_inflates_and_leaves_process_noise_that_decays():
    adaptive = AdaptiveNoise(SETTINGS)
    assert adaptive.inflation(20 + 0j, 1.0, 1.0, FRAME) > 10
    raised = adaptive.density
    adaptive.decay(SETTINGS.pose_unrest_seconds)
    assert adaptive.density == pytest.approx(raised / np.e)


def test_part_that_moves_is_inflated_alone():
    innovation = noise(0.5)
    innovation[7] = 15
    inflated = AdaptivePartNoise(SETTINGS, SHAPE).inflate(ONES, innovation, ONES, FRAME)
    assert inflated[7] > 20
    far = np.argsort(np.abs(SHAPE - SHAPE[7]))[40:]
    assert np.array_equal(inflated[far], ONES[far])


def test_parts_at_rest_are_not_inflated():
    parts = AdaptivePartNoise(SETTINGS, SHAPE)
    for seed in range(20):
        assert np.array_equal(parts.inflate(ONES, noise(1.0, seed), ONES, FRAME), ONES)


def test_factor_of_a_camera_is_its_variance():
    camera = CameraNoise(SETTINGS)
    for seed in range(120):
        camera.update(SHAPE + noise(1.5, seed), ONES, FRAME)
    assert camera.factor == pytest.approx(1.5**2, rel=0.25)
