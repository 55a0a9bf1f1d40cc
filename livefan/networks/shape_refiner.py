"""A correction of each landmark from the positions of all landmarks of the face."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ShapeRefiner(nn.Module):
    """Predict the offset of each landmark from all landmarks of a face, and move it there.

    A heatmap depends on the pixels around its own landmark. The landmarks of a face are correlated, and so
    are the habits of annotators. The input is a shape: the landmarks relative to their mean, in units of
    their root mean square distance from it. Position and size of the face in the crop have no influence. The
    offset is the sum of a network with one hidden layer (``hidden``, ``mlp``) and a linear map (``skip``).

    To regress a shape from itself is the last step of cascades such as that of Cao et al., "Face alignment by
    explicit shape regression", CVPR 2012. A new refiner moves nothing;
    :func:`livefan.training.fit_refiner.fit_refiner` fits it to a trained network.

    Args:
        n_points: number of landmarks.
        hidden: units of the hidden layer.
    """

    def __init__(self, n_points: int, hidden: int = 256) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * n_points, hidden)
        self.mlp = nn.Linear(hidden, 2 * n_points, bias=False)
        self.skip = nn.Linear(2 * n_points, 2 * n_points)
        for layer in (self.mlp, self.skip):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.skip.bias)

    def forward(self, landmarks: Tensor) -> Tensor:
        """Move landmarks.

        Args:
            landmarks: ``(batch, n, 2 or more)``: ``x`` and ``y`` in any pixels; further values stay.
        """
        points = landmarks[..., :2]
        shape, size = in_own_frame(points)
        refined = points + size * self.offsets(shape)
        return torch.cat([refined, landmarks[..., 2:]], -1)

    def offsets(self, shape: Tensor) -> Tensor:
        """Return the offsets ``(batch, n, 2)`` of shapes ``(batch, 2 n)``, both in units of the shape."""
        moved = self.mlp(self.hidden(shape).relu()) + self.skip(shape)
        return moved.reshape(-1, self.skip.out_features // 2, 2)


def in_own_frame(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return landmarks relative to their mean, in units of their root mean square distance from it.

    Args:
        points: ``(batch, n, 2)`` in any pixels.

    Returns:
        The shapes, ``(batch, 2 n)``, and the units in pixels, ``(batch, 1, 1)``.
    """
    away = points - points.mean(1, keepdim=True)
    size = away.square().sum((1, 2), keepdim=True).div(points.shape[1]).sqrt() + 1e-6
    return (away / size).flatten(1), size
