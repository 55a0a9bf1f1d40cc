"""Small data sets on disk, in their official layouts."""

from pathlib import Path

import cv2
import h5py
import numpy as np

from livefan.io.pts_file import write_pts


def add_face(folder: Path, name: str, suffix: str = ".jpg") -> np.ndarray:
    """Write an image and its landmarks; return the landmarks."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, f"{folder.name}{name}"))
    points = np.random.default_rng(seed).uniform(20, 80, (68, 2)).round(3)
    shape = (100, 100) if suffix in (".pbm", ".pgm") else (100, 100, 3)
    # Formats that OpenCV does not write hold another one: the content decides, not the suffix.
    kind = suffix if cv2.haveImageWriter(suffix) else ".png"
    _, encoded = cv2.imencode(kind, np.full(shape, 128, np.uint8))
    (folder / f"{name}{suffix}").write_bytes(encoded.tobytes())
    write_pts(folder / f"{name}.pts", points)
    return points


def wflw_line(points: np.ndarray, flags: str, image: str) -> str:
    """Return a line of WFLW's lists: coordinates, box, attribute flags, image."""
    return " ".join(f"{value:.6f}" for value in points.ravel()) + f" 1 2 3 4 {flags} {image}\n"


def write_cofw(path: Path, images: str, labels: str, count: int) -> np.ndarray:
    """Write COFW's file as MATLAB does: arrays transposed, images behind references, every third one grey."""
    rng = np.random.default_rng(7)
    phis = np.hstack([rng.uniform(20, 60, (count, 58)), np.zeros((count, 29))])
    phis[:, 58 + 28] = 1.0  # the chin is occluded
    with h5py.File(path, "w", userblock_size=512) as file:
        file[labels] = phis.T
        cells = file.create_dataset(images, (1, count), dtype=h5py.ref_dtype)
        for index in range(count):
            pixels = np.zeros((80, 90), np.uint8) if index % 3 == 2 else np.zeros((80, 90, 3), np.uint8)
            pixels[5, 70] = 200  # row 5, column 70
            if pixels.ndim == 3:
                pixels[6, 70] = (255, 0, 0)  # red
            file[f"#refs#/{index}"] = pixels.T
            cells[0, index] = file[f"#refs#/{index}"].ref
    return phis
