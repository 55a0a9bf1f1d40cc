"""How far the landmarks of a face can be trusted: occlusion, presence of a face, and expected errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from livefan.networks.map_samples import sample_map
from livefan.networks.shape_refiner import in_own_frame

N_DECODED = 2
"""Values of each landmark beside the samples: its confidence, and the width of its heatmap."""
_FINE, _COARSE = 0, 2
"""Indices of the encoder's maps of strides 4 and 16."""


class ReliabilityHead(nn.Module):
    """Estimate whether landmarks are covered, whether a crop shows a face, and the errors of the landmarks.

    The inputs are maps of the encoder, which computes them for the heatmaps anyway, and the landmarks:

    - samples of the maps of strides 4 and 16 at each landmark, its confidence, and the width of its heatmap;
    - the shape of all landmarks.

    One linear layer, ``reduce``, serves all landmarks. Another one, ``output``, computes occlusions and
    errors from the reduced values of all landmarks and the shape. The presence is a linear function of the
    means of the former over the landmarks. A new head has no use;
    :func:`livefan.training.fit_reliability.fit_head` fits it to a trained network.

    Args:
        n_points: number of landmarks.
        channels: channels of the encoder's maps of strides 4, 8, 16 and 32.
        input_size: side of the crops in pixels.
        per_point: values to which the inputs at each landmark are reduced.
    """

    decoded_scale: Tensor

    def __init__(
        self,
        n_points: int,
        channels: Sequence[int],
        input_size: int,
        *,
        per_point: int = 8,
    ) -> None:
        super().__init__()
        self.input_size, self.n_points = input_size, n_points
        # Confidence and width, the latter as a share of the crop.
        self.register_buffer("decoded_scale", torch.tensor([1.0, 1 / input_size]), persistent=False)
        n_inputs = channels[_FINE] + channels[_COARSE] + N_DECODED
        self.reduce = nn.Linear(n_inputs, per_point)
        self.output = nn.Linear(n_points * (per_point + 2), 2 * n_points)
        self.presence = nn.Linear(n_inputs, 1)

    @staticmethod
    def sizes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the arguments of the constructor that the tensors of a head determine."""
        return {"per_point": len(tensors["reduce.weight"])}

    def forward(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Estimate for a batch of faces.

        Args:
            maps: the encoder's maps, of strides 4, 8, 16 and 32.
            landmarks: ``(batch, n, 4)``: x and y in crop pixels, confidence, and width in crop pixels.

        Returns:
            ``(batch, n)`` probabilities that the landmarks are covered, ``(batch,)`` probabilities that the
            crops show a face, and ``(batch, n)`` expected errors in crop pixels.
        """
        at_points, shape = self.samples(maps, landmarks)
        occluded, log_error = self.of_landmarks(at_points, shape)
        presence = self.presence(at_points.mean(1))[:, 0].sigmoid()
        return occluded.sigmoid(), presence, log_error.exp() * self.input_size

    def samples(self, maps: Sequence[Tensor], landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs at the landmarks, ``(batch, n, l)``, and the shape, ``(batch, 2 n)``.

        The arguments are those of :meth:`forward`.
        """
        points = landmarks[..., :2]
        shape, _ = in_own_frame(points)
        decoded = landmarks[..., 2:] * self.decoded_scale
        samples = [sample_map(maps[number], points, self.input_size) for number in (_FINE, _COARSE)]
        return torch.cat([*samples, decoded], -1), shape

    def of_landmarks(self, at_points: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(batch, n)`` logits of occlusion, and logarithms of the errors as shares of the crop."""
        reduced = self.reduce(at_points).relu()
        found = self.output(torch.cat([reduced.flatten(1), shape], 1))
        return found[:, : self.n_points], found[:, self.n_points :]
