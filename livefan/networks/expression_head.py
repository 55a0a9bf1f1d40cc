"""Expression coefficients and pupils from the encoder's maps and the landmarks of a face."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from livefan.core.landmarks import LandmarkScheme
from livefan.networks.map_samples import sample_map
from livefan.networks.shape_refiner import in_own_frame

_REACH = 0.26
"""Half of the width of this grid in units of the face's shape: 1.3 times half of the width of an eye."""
_EYE_BAND = (3 / 32, 15 / 32)
"""Upper and lower edge of the part of a crop in which the samples of the eyes lie, as shares of its height,
to a row of the map. Crops are upright."""


class ExpressionHead(nn.Module):
    """Measure expressions and pupils from the landmarks of a face and samples of the encoder's maps.

    The samples are those of the map of stride 4 on a grid around each eye, and those of the map of stride 16
    at each landmark. The encoder computes both maps for the heatmaps anyway. Their channels are reduced
    (``reduce_eyes``, ``reduce``) before they are sampled: sampling is linear, and fewer channels take less
    time. A linear layer (``code``) maps shape and samples to the principal components of a dense face mesh,
    and to the places of the pupils. A small network (``hidden``, ``output``) maps the components to the
    coefficients.

    A new head has no use; :func:`livefan.training.fit_expressions.fit_head` fits it to a trained network.

    Args:
        scheme: the landmark scheme.
        channels: channels of the encoder's maps of strides 4, 8, 16 and 32.
        input_size: side of the crops in pixels.
        names: names of the coefficients.
        eye_rows: rows of the grid around an eye; the grid is twice as wide as high.
        per_eye_sample: channels to which the samples around the eyes are reduced.
        per_point: channels to which the samples at each landmark are reduced.
        components: number of components of the mesh.
        hidden: units of the hidden layer.
    """

    grid: Tensor
    widths: tuple[int, int, int]
    """Number of inputs of ``code``: the shape, the samples around the eyes, and those at the landmarks."""

    def __init__(
        self,
        scheme: LandmarkScheme,
        channels: Sequence[int],
        input_size: int,
        names: Sequence[str],
        *,
        eye_rows: int = 5,
        per_eye_sample: int = 12,
        per_point: int = 8,
        components: int = 64,
        hidden: int = 96,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.input_size = input_size
        self._eyes = [list(scheme.right_eye), list(scheme.left_eye)]
        columns, rows = torch.linspace(-1, 1, 2 * eye_rows - 1), torch.linspace(-0.5, 0.5, eye_rows)
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
        self.register_buffer("grid", _REACH * grid.flatten(0, 1), persistent=False)
        self.n_points, self.n_shape = scheme.n_points, 2 * scheme.n_points
        n_samples = 2 * len(self.grid)
        self.n_eyes = n_samples * channels[0]
        self.reduce_eyes = nn.Linear(channels[0], per_eye_sample, bias=False)
        self.reduce = nn.Linear(channels[2], per_point, bias=False)
        self.widths = (self.n_shape, n_samples * per_eye_sample, scheme.n_points * per_point)
        self.code = nn.Linear(sum(self.widths), components + 4)
        self.hidden = nn.Linear(components, hidden)
        self.output = nn.Linear(hidden, len(names))

    @staticmethod
    def sizes(tensors: Mapping[str, Tensor], n_points: int) -> dict[str, int]:
        """Return the arguments of the constructor that the tensors of a head for some landmarks determine."""
        per_eye_sample, per_point = len(tensors["reduce_eyes.weight"]), len(tensors["reduce.weight"])
        n_codes, n_inputs = tensors["code.weight"].shape
        n_grid = (n_inputs - n_points * (2 + per_point)) // (2 * per_eye_sample)
        return {
            "eye_rows": (1 + math.isqrt(1 + 8 * n_grid)) // 4,  # n_grid is rows times 2 rows - 1
            "per_eye_sample": per_eye_sample,
            "per_point": per_point,
            "components": n_codes - 4,
            "hidden": len(tensors["hidden.weight"]),
        }

    def forward(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Measure a batch of faces.

        Args:
            maps: the encoder's maps, of strides 4, 8, 16 and 32.
            landmarks: ``(batch, n, 2 or more)``: ``x`` and ``y`` in crop pixels.

        Returns:
            ``(batch, k)`` coefficients in [0, 1], and ``(batch, 2, 2)`` centres of the irises in crop
            pixels, the person's right eye first.
        """
        points = landmarks[..., :2]
        fine, _, coarse, _ = maps
        shape, unit = in_own_frame(points)
        of_eyes = self.reduce_eyes(self._of_eyes(fine, points, unit))
        at_points = self._at_points(functional.conv2d(coarse, self.reduce.weight[:, :, None, None]), points)
        code = self.code(torch.cat([shape, of_eyes.flatten(1), at_points.flatten(1)], 1))
        pupils = self._eye_centres(points) + unit * code[:, -4:].reshape(-1, 2, 2)
        return self.coefficients(code), pupils

    def samples(self, maps: Sequence[Tensor], landmarks: Tensor) -> Tensor:
        """Return ``(batch, m)``: the shape, the samples around the eyes, and the samples at the landmarks.

        All channels of the maps are sampled. The arguments are those of :meth:`forward`.
        """
        points = landmarks[..., :2]
        fine, _, coarse, _ = maps
        shape, unit = in_own_frame(points)
        of_eyes, at_points = self._of_eyes(fine, points, unit), self._at_points(coarse, points)
        return torch.cat([shape, of_eyes.flatten(1), at_points.flatten(1)], 1)

    def inputs(self, samples: Tensor) -> Tensor:
        """Return the result of :meth:`samples` with reduced channels: the inputs of ``code``."""
        n_direct = self.n_shape + self.n_eyes
        of_eyes = samples[:, self.n_shape : n_direct].reshape(len(samples), -1, self.reduce_eyes.in_features)
        at_points = samples[:, n_direct:].reshape(len(samples), self.n_points, self.reduce.in_features)
        reduced = [self.reduce_eyes(of_eyes).flatten(1), self.reduce(at_points).flatten(1)]
        return torch.cat([samples[:, : self.n_shape], *reduced], 1)

    def coefficients(self, code: Tensor) -> Tensor:
        """Return the ``(batch, k)`` coefficients of ``(batch, components + 4)`` codes.

        The last four values of a code are the places of the pupils: from the mean of the landmarks of the
        eye, in units of the face's shape.
        """
        return self.output(self.hidden(code[:, :-4]).relu()).sigmoid()

    def _eye_centres(self, points: Tensor) -> Tensor:
        """Return the ``(batch, 2, 2)`` means of the landmarks of the eyes."""
        return torch.stack([points[:, eye].mean(1) for eye in self._eyes], 1)

    def _of_eyes(self, fine: Tensor, points: Tensor, unit: Tensor) -> Tensor:
        """Return ``(batch, k, channels)`` samples on the grids around the eyes."""
        places = (self._eye_centres(points)[:, :, None] + unit[..., None] * self.grid).flatten(1, 2)
        n_rows = fine.shape[2]
        first, end = (int(edge * n_rows) for edge in _EYE_BAND)
        band = first / n_rows, end / n_rows
        return sample_map(fine[:, :, first:end], places, self.input_size, band)

    def _at_points(self, coarse: Tensor, points: Tensor) -> Tensor:
        """Return ``(batch, n, channels)`` samples at the landmarks."""
        return sample_map(coarse, points, self.input_size)
