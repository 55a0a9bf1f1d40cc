"""Expression coefficients and pupils from the encoder's maps and the landmarks of a face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from livefan.core.landmarks import LandmarkScheme
from livefan.networks.map_samples import sample_map
from livefan.networks.shape_refiner import in_own_frame

_COLUMNS, _ROWS = 9, 5
"""Number of samples along and across the grid around an eye."""
_REACH = 0.26
"""Half of the width of this grid in units of the face's shape: 1.3 times half of the width of an eye."""


class ExpressionHead(nn.Module):
    """Measure expressions and pupils from the landmarks of a face and samples of the encoder's maps.

    The samples are those of the map of stride 4 on a grid around each eye, and those of the map of stride 16
    at each landmark. The encoder computes both maps for the heatmaps anyway. A linear layer (``code``) maps
    shape and samples to the principal components of a dense face mesh, and to the places of the pupils. A
    small network (``hidden``, ``output``) maps the components to the coefficients.

    A new head has no use; :func:`livefan.training.fit_expressions.fit_head` fits it to a trained network.

    Args:
        scheme: the landmark scheme.
        channels: channels of the encoder's maps of strides 4, 8, 16 and 32.
        input_size: side of the crops in pixels.
        names: names of the coefficients.
        per_point: channels to which the samples at each landmark are reduced.
        components: number of components of the mesh.
        hidden: units of the hidden layer.
    """

    grid: Tensor

    def __init__(
        self,
        scheme: LandmarkScheme,
        channels: Sequence[int],
        input_size: int,
        names: Sequence[str],
        *,
        per_point: int = 12,
        components: int = 80,
        hidden: int = 96,
    ) -> None:
        super().__init__()
        self.names = tuple(names)
        self.input_size = input_size
        self._eyes = [list(scheme.right_eye), list(scheme.left_eye)]
        columns = torch.linspace(-1, 1, _COLUMNS)
        rows = torch.linspace(-1, 1, _ROWS) * (_ROWS - 1) / (_COLUMNS - 1)
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
        self.register_buffer("grid", _REACH * grid.flatten(0, 1), persistent=False)
        self.n_points, self.n_shape = scheme.n_points, 2 * scheme.n_points
        self.n_eyes = 2 * _ROWS * _COLUMNS * channels[0]
        self.reduce = nn.Linear(channels[2], per_point, bias=False)
        self.code = nn.Linear(self.n_shape + self.n_eyes + scheme.n_points * per_point, components + 4)
        self.hidden = nn.Linear(components, hidden)
        self.output = nn.Linear(hidden, len(names))

    @staticmethod
    def sizes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the arguments of the constructor that the tensors of a head determine."""
        return {
            "per_point": len(tensors["reduce.weight"]),
            "components": len(tensors["code.weight"]) - 4,
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
        code = self.code(self.inputs(self.samples(maps, landmarks)))
        points = landmarks[..., :2]
        _, unit = in_own_frame(points)
        pupils = self._eye_centres(points) + unit * code[:, -4:].reshape(-1, 2, 2)
        return self.coefficients(code), pupils

    def samples(self, maps: Sequence[Tensor], landmarks: Tensor) -> Tensor:
        """Return ``(batch, m)``: the shape, the samples around the eyes, and the samples at the landmarks.

        The arguments are those of :meth:`forward`.
        """
        points = landmarks[..., :2]
        shape, unit = in_own_frame(points)
        around_eyes = (self._eye_centres(points)[:, :, None] + unit[..., None] * self.grid).flatten(1, 2)
        of_eyes = sample_map(maps[0], around_eyes, self.input_size)
        at_points = sample_map(maps[2], points, self.input_size)
        return torch.cat([shape, of_eyes.flatten(1), at_points.flatten(1)], 1)

    def inputs(self, samples: Tensor) -> Tensor:
        """Return the result of :meth:`samples` with the samples at the landmarks reduced."""
        n_direct = self.n_shape + self.n_eyes
        at_points = samples[:, n_direct:].reshape(-1, self.n_points, self.reduce.in_features)
        return torch.cat([samples[:, :n_direct], self.reduce(at_points).flatten(1)], 1)

    def coefficients(self, code: Tensor) -> Tensor:
        """Return the ``(batch, k)`` coefficients of ``(batch, components + 4)`` codes.

        The last four values of a code are the places of the pupils: from the mean of the landmarks of the
        eye, in units of the face's shape.
        """
        return self.output(self.hidden(code[:, :-4]).relu()).sigmoid()

    def _eye_centres(self, points: Tensor) -> Tensor:
        """Return the ``(batch, 2, 2)`` means of the landmarks of the eyes."""
        return torch.stack([points[:, eye].mean(1) for eye in self._eyes], 1)
