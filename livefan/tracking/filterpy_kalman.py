"""The Kalman filter and the smoother of filterpy, imported without the rest of filterpy.

``import filterpy.kalman`` executes every module of filterpy, and so loads scipy.stats, scipy.ndimage and
numpy.f2py. This takes a second of CPU time; the filter itself needs numpy alone.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_NAME = "filterpy.kalman.kalman_filter"


def _module() -> Any:
    """Return filterpy's module of the filter; imported as usual if another version has other files."""
    if _NAME not in sys.modules:
        try:
            return _without_packages()
        except (ImportError, OSError, AttributeError):
            pass
    return importlib.import_module(_NAME)


def _without_packages() -> ModuleType:
    """Execute the file of the filter alone; stand-ins for the packages that it names exist meanwhile.

    Of ``filterpy.stats`` the filter takes the function of the log-likelihood, which livefan does not use.
    """
    package = importlib.util.find_spec("filterpy")
    if package is None or not package.submodule_search_locations:
        raise ImportError("filterpy is not installed")
    folder = Path(package.submodule_search_locations[0])
    names = ("filterpy", "filterpy.stats", "filterpy.common")
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    statistics: Any = ModuleType("filterpy.stats")
    statistics.logpdf = None
    try:
        sys.modules["filterpy"] = ModuleType("filterpy")
        sys.modules["filterpy.stats"] = statistics
        sys.modules["filterpy.common"] = _executed("filterpy.common.helpers", folder / "common/helpers.py")
        return _executed(_NAME, folder / "kalman/kalman_filter.py")
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def _executed(name: str, path: Path) -> ModuleType:
    """Return the module in a Python file, under a name of its own; the packages of the name stay unloaded."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # the path ends in .py
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_FILTER = _module()
KalmanFilter = _FILTER.KalmanFilter
"""See filterpy.kalman.KalmanFilter; its likelihoods are not available."""
rts_smoother = _FILTER.rts_smoother
"""See filterpy.kalman.rts_smoother."""
