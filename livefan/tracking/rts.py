"""Smoothing of recordings: each frame is estimated from the frames before and after it.

The filter of :mod:`livefan.tracking.kalman` runs forwards. The smoother of Rauch, Tung and Striebel
("Maximum likelihood estimates of linear dynamic systems", AIAA Journal 3, 1965) then runs backwards over
the filter's steps. :mod:`filterpy` smooths the pose; the landmarks of the shape are vectorised here.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Sequence

import numpy as np

from livefan.tracking.filterpy_kalman import rts_smoother
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother, Step
from livefan.tracking.motion_model import FaceState, Motion, Transition, as_pairs
from livefan.tracking.noise_model import SmootherSettings


def smooth_recording(
    points_px: np.ndarray,
    sigma_px: np.ndarray,
    times: np.ndarray,
    settings: SmootherSettings | None = None,
    strength: float = DEFAULT_STRENGTH,
) -> np.ndarray:
    """Smooth all landmarks of one face in a recording.

    Where the filter restarted, after a jump or a long gap, the parts before and after are smoothed
    separately.

    Args:
        points_px: ``(frames, n, 2)`` measured landmarks in image pixels, of the frames that show the face.
        sigma_px: ``(frames, n)`` widths of the heatmaps in image pixels.
        times: ``(frames,)`` capture times in seconds, increasing; frames without the face are left out.
        settings: the noise model.
        strength: as :attr:`livefan.tracking.kalman.KalmanSmoother.strength`.

    Returns:
        ``(frames, n, 2)`` float64 landmarks in image pixels.
    """
    if strength <= 0.0 or not len(points_px):
        return np.array(points_px, np.float64)
    smoother = KalmanSmoother(settings, strength)
    steps: list[Step] = []
    for points, sigma, time in zip(points_px, sigma_px, times, strict=True):
        smoother.update(points, sigma, float(time))
        assert smoother.step is not None
        steps.append(smoother.step)
    return smooth_steps(steps)


def smooth_steps(steps: Sequence[Step]) -> np.ndarray:
    """Smooth consecutive steps of the filter of one face.

    Args:
        steps: at least one step; earlier steps of the same filter may be left out.

    Returns:
        ``(steps, n, 2)`` float64 landmarks in image pixels.
    """
    return np.concatenate([_smooth_segment(segment) for segment in _segments(steps)])


def _segments(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yield the runs of steps between restarts of the filter."""
    starts = [number for number, step in enumerate(steps) if number == 0 or step.restarts]
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        yield steps[start:end]


def _smooth_segment(steps: Sequence[Step]) -> np.ndarray:
    """Return ``(steps, n, 2)`` smoothed landmarks of steps without a restart in between."""
    poses = _smooth_poses(steps)
    shapes = _smooth_shapes(steps)
    return np.array(
        [
            as_pairs(complex(x, y) + cmath.exp(complex(log_scale, angle)) * shape)
            for (x, y, log_scale, angle), shape in zip(poses, shapes, strict=True)
        ]
    )


def _smooth_poses(steps: Sequence[Step]) -> np.ndarray:
    """Return the ``(steps, 4)`` smoothed poses: x, y, logarithm of the scale, angle."""
    poses = np.array([_pose(step.state) for step in steps])
    covariances = np.array([_covariance(step.state) for step in steps])
    transitions = [
        _blocks(_transition(step.shift_transition), _transition(step.spin_transition)) for step in steps[1:]
    ]
    # The filter inflated the predicted covariances; this process noise leads to the same ones.
    noises = [
        _covariance(step.predicted) - transition @ covariance @ transition.T
        for step, transition, covariance in zip(steps[1:], transitions, covariances, strict=False)
    ]
    smoothed, *_ = rts_smoother(poses, covariances, transitions, noises)
    return np.asarray(smoothed)[:, ::2]


def _pose(state: FaceState) -> list[float]:
    """Return the eight states of a pose: each value is followed by its velocity."""
    motions = (state.shift, state.spin)
    pairs = [(each.position, each.velocity) for each in motions]
    return [
        value for pair in pairs for part in ("real", "imag") for value in (getattr(z, part) for z in pair)
    ]


def _covariance(state: FaceState) -> np.ndarray:
    """Return the ``(8, 8)`` covariance of a pose."""
    return _blocks(_of_axis(state.shift), _of_axis(state.spin))


def _of_axis(motion: Motion) -> np.ndarray:
    return np.array([[motion.variance, motion.covariance], [motion.covariance, motion.velocity_variance]])


def _transition(transition: Transition) -> np.ndarray:
    return np.array([[1.0, transition.reach], [0.0, transition.decay]])


def _blocks(of_shift: np.ndarray, of_spin: np.ndarray) -> np.ndarray:
    """Return the ``(8, 8)`` matrix of four axes from those of an axis of the shift and of the spin."""
    matrix = np.zeros((8, 8))
    for axis, block in enumerate((of_shift, of_shift, of_spin, of_spin)):
        matrix[2 * axis : 2 * axis + 2, 2 * axis : 2 * axis + 2] = block
    return matrix


def _smooth_shapes(steps: Sequence[Step]) -> list[np.ndarray]:
    """Return the ``(n,)`` complex smoothed shape of each step."""
    shapes = [steps[-1].state.shape]
    for step, later in zip(steps[-2::-1], steps[:0:-1], strict=True):
        gain = step.state.shape_variance / later.predicted.shape_variance
        shapes.append(step.state.shape + gain * (shapes[-1] - later.predicted.shape))
    return shapes[::-1]
