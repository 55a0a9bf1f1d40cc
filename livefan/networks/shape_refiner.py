"""Landmarks moved to where all of them together make each one more likely."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ShapeRefiner(nn.Module):
    """Moves each landmark of a face by what the places of all of them tell.

    A heatmap is drawn from what is seen about its landmark, and says little of the others; the landmarks of a
    face, and the habits of the people who marked them, go together. A network of one hidden layer beside a
    linear map takes the landmarks in a frame of their own, their mean its origin and their root mean square
    distance from it its unit, and gives by how much each is off there. So where a face lies in the crop, and
    how large, makes no difference; regressing a shape from itself is the last step of cascades such as that
    of Cao et al., "Face alignment by explicit shape regression", CVPR 2012.

    Made, it moves nothing; :func:`livefan.training.fit_refiner.fit_refiner` fits it to a trained network.

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
            landmarks: ``(batch, n, 2 or more)``: ``x`` and ``y`` in any pixels, and what stays as it is.
        """
        points = landmarks[..., :2]
        shape, size = in_own_frame(points)
        refined = points + size * self.offsets(shape)
        return torch.cat([refined, landmarks[..., 2:]], -1)

    def offsets(self, shape: Tensor) -> Tensor:
        """By how much each landmark is off, ``(batch, n, 2)``, in the frame of shapes, ``(batch, 2 n)``."""
        moved = self.mlp(self.hidden(shape).relu()) + self.skip(shape)
        return moved.reshape(-1, self.skip.out_features // 2, 2)


def in_own_frame(points: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks with their mean as origin and their root mean square distance from it as unit.

    Args:
        points: ``(batch, n, 2)``.

    Returns:
        ``(batch, 2 n)``, and the units, ``(batch, 1, 1)``.
    """
    away = points - points.mean(1, keepdim=True)
    size = away.square().sum((1, 2), keepdim=True).div(points.shape[1]).sqrt() + 1e-6
    return (away / size).flatten(1), size
