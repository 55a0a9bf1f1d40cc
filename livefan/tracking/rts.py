"""Smoothing of recordings: each frame is estimated from the frames before and after it.

The filter of :mod:`livefan.tracking.kalman` runs forwards. The smoother of Rauch, Tung and Striebel
("Maximum likelihood estimates of linear dynamic systems", AIAA Journal 3, 1965) then runs backwards over
the filter's steps. :mod:`filterpy` smooths the pose; the landmarks of the shape are vectorised here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from livefan.tracking.filterpy_kalman import rts_smoother
from livefan.tracking.kalman import DEFAULT_STRENGTH, KalmanSmoother, Step


def smooth_recording(
    points_px: np.ndarray,
    sigma_px: np.ndarray,
    times: np.ndarray,
    strength: float = DEFAULT_STRENGTH,
) -> np.ndarray:
    """Smooth all landmarks of one face in a recording.

    Where the filter restarted, after a jump or a long gap, the parts before and after are smoothed
    separately.

    Args:
        points_px: ``(frames, n, 2)`` measured landmarks in image pixels, of the frames that show the face.
        sigma_px: ``(frames, n)`` widths of the heatmaps in image pixels.
        times: ``(frames,)`` capture times in seconds, increasing; frames without the face are left out.
        strength: as :attr:`livefan.tracking.kalman.KalmanSmoother.strength`.

    Returns:
        ``(frames, n, 2)`` float64 landmarks in image pixels.
    """
    if strength <= 0.0 or not len(points_px):
        return np.array(points_px, np.float64)
    smoother = KalmanSmoother(strength=strength)
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
            step.state._replace(pose=pose, shape=shape).points_px
            for step, pose, shape in zip(steps, poses, shapes, strict=True)
        ]
    )


def _smooth_poses(steps: Sequence[Step]) -> np.ndarray:
    """Return the ``(steps, 8)`` smoothed poses."""
    poses = np.array([step.state.pose for step in steps])
    covariances = np.array([step.state.pose_covariance for step in steps])
    transitions = [step.transition for step in steps[1:]]
    # The filter inflated the predicted covariances; this process noise leads to the same ones.
    noises = [
        step.predicted.pose_covariance - step.transition @ covariance @ step.transition.T
        for step, covariance in zip(steps[1:], covariances, strict=False)
    ]
    smoothed, *_ = rts_smoother(poses, covariances, transitions, noises)
    return smoothed


def _smooth_shapes(steps: Sequence[Step]) -> list[np.ndarray]:
    """Return the ``(n,)`` complex smoothed shape of each step."""
    shapes = [steps[-1].state.shape]
    for step, later in zip(steps[-2::-1], steps[:0:-1], strict=True):
        gain = step.state.shape_variance / later.predicted.shape_variance
        shapes.append(step.state.shape + gain * (shapes[-1] - later.predicted.shape))
    return shapes[::-1]
