import numpy as np
import pytest
from tracking.moving_landmarks import random_face


@pytest.fixture
def face_px() -> np.ndarray:
    """``(68, 2)`` landmarks of a face 200 pixels high."""
    return random_face()
