"""Batches of augmented faces."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from marked_faces import SMALL, marked_faces

from livefan.core.landmarks import IBUG_68
from livefan.training.augmentation.augment import TrainingFaces
from livefan.training.loader import Loader


def test_batch_is_divided_among_processes(tmp_path: Path):
    faces = TrainingFaces(marked_faces(tmp_path, 8).faces, IBUG_68, SMALL)
    (whole,) = islice(Loader(faces, 8, 0, 1).epoch(0), 1)
    halves = [next(iter(Loader(faces, 8, 0, 1, rank=rank, processes=2).epoch(0))) for rank in (0, 1)]
    assert torch.equal(whole[0][0::2], halves[0][0])
    assert torch.equal(whole[1][1::2], halves[1][1])


def test_batches_take_the_crop_sizes_in_turn_over_the_epochs(tmp_path: Path):
    config = replace(SMALL, input_sizes=(256, 192))
    faces = TrainingFaces(marked_faces(tmp_path, 6).faces, IBUG_68, config)
    loader = Loader(faces, 2, 0, 1)
    shapes = [[tuple(crops.shape) for crops, _ in loader.epoch(epoch)] for epoch in (0, 1)]
    large, small = (2, 256, 256, 3), (2, 192, 192, 3)
    assert shapes == [[large, small, large], [small, large, small]]
