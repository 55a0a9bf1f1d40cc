import numpy as np

from livefan.benchmark.moving_faces import MovingFace, Pose
from livefan.benchmark.smoothing import follow
from livefan.tracking.pipeline import Pipeline


def test_followed_face_is_located_again_after_a_jump(pipeline: Pipeline, photo: np.ndarray):
    """A crop at the position before the jump would cut off the edge of the face."""
    pipeline.smoothing = 0.0
    (face,) = pipeline.process_image(photo)
    moving, jumped = MovingFace(photo, face.points_px), Pose(shift=(0.12, 0.0))
    pictures = [moving.picture(pose) for pose in (*[Pose()] * 3, jumped)]
    seen = follow(pipeline, pictures, np.arange(4) / 30, face.points_px)
    assert list(seen) == [0, 1, 2, 3]
    apart = np.linalg.norm(seen[3].points_px - moving.truth(jumped, seen[2].points_px), axis=1)
    assert apart.mean() < 0.006 * moving.size
    pictures.insert(0, np.full_like(photo, 90))
    assert list(follow(pipeline, pictures, np.arange(5) / 30, face.points_px)) == [1, 2, 3, 4]
