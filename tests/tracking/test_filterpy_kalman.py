import subprocess
import sys
from pathlib import Path

import pytest

_CODE = """
import sys
import numpy as np
import livefan.annotation.annotate
from livefan.tracking import filterpy_kalman
loaded = [name for name in ("scipy", "scipy.stats", "matplotlib", "torch", "pyarrow") if name in sys.modules]
assert not loaded, loaded
import filterpy.kalman
rng = np.random.default_rng(0)
def run(module):
    made = module.KalmanFilter(4, 2)
    made.x, made.H, made.F = np.zeros(4), np.eye(2, 4), np.eye(4) + np.eye(4, k=2)
    states = []
    for step in range(5):
        made.predict()
        made.update(np.array([step, 2.0 * step]))
        states.append((made.x, made.P))
    xs, ps = (np.array(each) for each in zip(*states))
    return module.rts_smoother(xs, ps, [made.F] * 5, [made.Q] * 5)[:2]
for own, theirs in zip(run(filterpy_kalman), run(filterpy.kalman)):
    assert np.array_equal(own, theirs)
"""


@pytest.mark.slow
def test_filter_is_that_of_filterpy_and_imports_no_scipy():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _CODE], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
