"""Synthetic landmarks of a moving face, and the filter run over them."""

import numpy as np

from livefan.tracking.kalman import KalmanSmoother
from livefan.tracking.noise_model import SmootherSettings

SIZE = 200.0
SIGMA = np.full(68, SmootherSettings().usual_sigma * SIZE)
NOISE = SmootherSettings().noise_std * SIZE
FRAME = 1 / 30
LID = [37, 38]


def random_face() -> np.ndarray:
    """Return 68 landmarks of a face 200 pixels high."""
    points = np.random.default_rng(0).uniform(100, 300, (68, 2))
    points[0], points[1] = (100, 100), (300, 300)
    # Eyelids and their surroundings move together in a face.
    points[37:43] = (160, 180) + np.arange(6)[:, None] * (4, 1)
    return points


def measured(truth: np.ndarray, noise: float = NOISE) -> np.ndarray:
    return truth + np.random.default_rng(1).normal(0, noise, truth.shape)


def run(
    points_px: np.ndarray, times: np.ndarray, sigma_px: np.ndarray = SIGMA, strength: float = 0.5
) -> np.ndarray:
    """Filter ``(frames, n, 2)`` measured landmarks; return the same shape."""
    smoother = KalmanSmoother(strength=strength)
    return np.array(
        [
            smoother.update(points, sigma_px, float(time))
            for points, time in zip(points_px, times, strict=True)
        ]
    )


def still(face: np.ndarray, frames: int = 150) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(face[None], frames, axis=0), np.arange(frames) * FRAME


def nodding(face: np.ndarray, times: np.ndarray, frequency: float = 2.0) -> np.ndarray:
    """Return the face moving up and down by 30 pixels as a sine, and leaning with it."""
    phase = np.sin(2 * np.pi * frequency * times)
    turn = np.exp(0.1j * phase)[:, None]
    centre = 200 + 200j
    points = (face[:, 0] + 1j * face[:, 1] - centre) * turn + centre + 30j * phase[:, None]
    return np.stack([points.real, points.imag], -1)


def rms(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))


def lag_frames(filtered: np.ndarray, truth: np.ndarray, times: np.ndarray) -> float:
    """Return the lag of a path behind the truth in frames, by least squares."""
    velocity = np.gradient(truth, times, axis=0)
    return float(-((filtered - truth) * velocity).sum() / (velocity**2).sum() / FRAME)
