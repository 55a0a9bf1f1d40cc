"""COCO's keypoint format: an image for each frame, an annotation for each face.

Visibility is 2 for a measured landmark and 1 for one that is filled in. An image has the frame columns beside
COCO's own ``width`` and ``height``. An annotation has further values of the face in ``attributes``. The
metadata are in ``info``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from livefan.core.landmarks import LandmarkScheme
from livefan.formats.columns import FRAME_COLUMNS, frame_defaults, frame_values, table_from_rows
from livefan.formats.json_faces import face_as_json, face_row
from livefan.formats.metadata import check_schema_version
from livefan.formats.records import AnnotatedFrame
from livefan.formats.writer import TableWriter


class Writer(TableWriter):
    """Writes COCO keypoints.

    Images and annotations are two lists in one file. A second file holds the annotations until the end.
    """

    def open(self) -> None:
        """Write info and category, and begin the list of images."""
        self._file = self.stack.enter_context(self.path.open("w", encoding="utf-8", newline="\n"))
        waiting = self.path.with_name(self.path.name + ".annotations")
        self.stack.callback(waiting.unlink, missing_ok=True)
        self._annotations = self.stack.enter_context(waiting.open("w+", encoding="utf-8", newline="\n"))
        info = {
            "description": f"faces of {self.metadata.recording}",
            "version": str(self.metadata.schema_version),
            "livefan": self.metadata.as_json(),
        }
        categories = [_category(self.metadata.landmark_scheme)]
        opening = json.dumps({"info": info, "licenses": [], "categories": categories})
        self._file.write(opening[:-1] + ',\n"images": [')
        self._n_images = self._n_annotations = 0

    def append(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append images and annotations."""
        for frame in frames:
            values = frame_values(frame.info, self.metadata)
            index, width, height = (values.pop(name) for name in ("frame", "frame_width", "frame_height"))
            image = {
                "id": index,
                "file_name": frame.info.image_name or f"{self.metadata.recording}#frame={index}",
                "width": width,
                "height": height,
                **values,
            }
            self._file.write((",\n" if self._n_images else "\n") + json.dumps(image))
            self._n_images += 1
            for face in frame.faces:
                annotation = _annotation(
                    self._n_annotations + 1, index, face_as_json(face, self.metadata.measures)
                )
                self._annotations.write((",\n" if self._n_annotations else "\n") + json.dumps(annotation))
                self._n_annotations += 1

    def finish(self) -> None:
        """Append the list of annotations to the list of images."""
        self._file.write('],\n"annotations": [')
        self._annotations.seek(0)
        while block := self._annotations.read(1 << 20):
            self._file.write(block)
        self._file.write("]}\n")


def _category(scheme: LandmarkScheme) -> dict[str, Any]:
    skeleton = [
        [first + 1, second + 1]
        for outline in scheme.outlines
        for first, second in zip(
            outline.points,
            (*outline.points[1:], *(outline.points[:1] if outline.closed else ())),
            strict=False,
        )
    ]
    return {
        "id": 1,
        "name": "face",
        "supercategory": "person",
        "keypoints": list(scheme.point_names),
        "skeleton": skeleton,
    }


def _annotation(number: int, image_id: int, face: dict[str, Any]) -> dict[str, Any]:
    left, top, right, bottom = face.pop("box")
    points, confidence = face.pop("points"), face.pop("confidence")
    visibility = 1 if face["found"] == "filled" else 2
    size = [round(right - left, 3), round(bottom - top, 3)]
    known = [each for each in confidence if each is not None]
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "track_id": face.pop("track_id"),
        "bbox": [left, top, *size],
        "area": round(size[0] * size[1], 3),
        "iscrowd": 0,
        "keypoints": [value for x, y in points for value in (x, y, visibility)],
        "num_keypoints": len(points),
        "score": round(float(np.mean(known)), 4) if known else None,
        "attributes": {"right": right, "bottom": bottom, "confidence": confidence, **face},
    }


def read(path: Path) -> pa.Table:
    """Return a COCO file as a table."""
    content = json.loads(path.read_text(encoding="utf-8"))
    metadata = content["info"]["livefan"]
    check_schema_version(metadata, path)
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(_face(annotation))

    def rows() -> Iterator[list[Any]]:
        for image in content["images"]:
            frame = {
                **frame_defaults(metadata),
                **image,
                "frame": image["id"],
                "frame_width": image["width"],
                "frame_height": image["height"],
            }
            cells = [frame[name] for name in FRAME_COLUMNS]
            for face in by_image.get(image["id"], [None]):
                yield cells + face_row(face, metadata.get("measures", ()))

    return table_from_rows(rows(), metadata)


def _face(annotation: dict[str, Any]) -> dict[str, Any]:
    """Return the face of an annotation as :func:`livefan.formats.json_faces.face_as_json` does."""
    attributes = annotation["attributes"]
    left, top = annotation["bbox"][:2]
    keypoints = annotation["keypoints"]
    return {
        **attributes,
        "track_id": annotation["track_id"],
        "box": [left, top, attributes["right"], attributes["bottom"]],
        "points": list(zip(keypoints[0::3], keypoints[1::3], strict=True)),
    }
