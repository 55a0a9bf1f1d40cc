"""Descriptors of the appearance of a face."""

import numpy as np
from clips import recoloured, shrunk

import livefan
from livefan.annotation.appearance import SAME_PERSON, describe, distance


def test_descriptors_match_one_person_and_separate_two(pipeline: livefan.Pipeline, photo: np.ndarray):
    (face,) = pipeline.process_image(photo)
    look = describe(photo, face.points_px, pipeline.scheme)
    smaller = shrunk(photo, 480, 270)
    (again,) = pipeline.process_image(smaller)
    assert distance(look, describe(smaller, again.points_px, pipeline.scheme)) < SAME_PERSON
    (stranger,) = pipeline.process_image(recoloured(photo))
    assert distance(look, describe(recoloured(photo), stranger.points_px, pipeline.scheme)) > 2 * SAME_PERSON
