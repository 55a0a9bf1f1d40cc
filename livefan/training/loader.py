"""Batches of augmented faces, made ahead of the training step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import numpy as np
import torch
from torch import Tensor

from livefan.training.augmentation.augment import TrainingFaces


class Loader:
    """Augments batches ahead of the training step, in threads.

    Threads share the faces in memory, where processes would copy them (or, forked beside OpenCV's
    and OpenMP's threads, hang); the work is done in code that releases the interpreter's lock.

    Args:
        faces: what to draw from.
        batch_size: faces a batch, over all processes; a rest that fills none is left out of the epoch.
        seed: decides the order.
        threads: how many augment.
        rank, processes: this process takes every ``processes``-th face of each batch, from ``rank`` on.
    """

    def __init__(
        self,
        faces: TrainingFaces,
        batch_size: int,
        seed: int,
        threads: int,
        *,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self._faces, self._batch_size, self._seed = faces, batch_size, seed
        self._threads = threads
        self._rank, self._processes = rank, processes

    def __len__(self) -> int:
        return len(self._faces) // self._batch_size

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch: ``(batch, size, size, 3)`` uint8 BGR and ``(batch, n, 2)`` points.

        The sizes that are trained take turns.
        """
        count = len(self._faces)
        order = np.random.default_rng((self._seed, number)).permutation(count) + number * count
        batches = order[: len(self) * self._batch_size].reshape(len(self), -1)
        sizes = islice(cycle(self._faces.config.input_sizes), number * len(self), None)
        todo = zip(batches[:, self._rank :: self._processes].tolist(), sizes, strict=False)
        with ThreadPoolExecutor(self._threads) as pool:
            ahead = deque(pool.submit(self._batch, *batch) for batch in islice(todo, 4 * self._threads))
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(self._batch, *batch) for batch in islice(todo, 1))

    def _batch(self, keys: list[int], size: int) -> tuple[Tensor, Tensor]:
        crops, points = zip(*(self._faces.sample(key, size) for key in keys), strict=True)
        return torch.stack(crops), torch.stack(points)
