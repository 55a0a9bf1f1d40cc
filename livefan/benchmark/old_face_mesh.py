"""MediaPipe's old face mesh, the fastest other program, in a process of another Python environment.

mediapipe 0.10.21 has it, and does not install beside current releases. The process gets the same frames
through a file in memory, and measures its own time: conversion to RGB and landmarks.
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from livefan.benchmark.timing import Elsewhere
from livefan.core.errors import LivefanError

FACE_MESH = "MediaPipe face mesh"
_LARGEST = (3840, 2160)
_MOST_BYTES = 3 * _LARGEST[0] * _LARGEST[1]
_MARK = "livefan:"
"""Begins the lines of the process that are answers; mediapipe may print others."""

_CODE = f"""
import json, mmap, sys, time
import cv2
import numpy as np
import mediapipe
mesh = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1)
with open(sys.argv[1], "rb") as file:
    pixels = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    print("{_MARK}" + json.dumps(mediapipe.__version__), flush=True)
    for line in sys.stdin:
        shape = json.loads(line)
        image = np.frombuffer(pixels, np.uint8, int(np.prod(shape))).reshape(shape).copy()
        begun, used = time.perf_counter(), time.process_time()
        found = mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_face_landmarks or []
        taken = time.perf_counter() - begun, time.process_time() - used
        print("{_MARK}" + json.dumps([len(found), *taken]), flush=True)
"""


@contextmanager
def face_mesh(python: Path) -> Iterator[tuple[str, Callable[[np.ndarray], Elsewhere]]]:
    """Yield the version of mediapipe, and a function that tracks one face through uint8 BGR frames.

    Args:
        python: interpreter of an environment with mediapipe 0.10.21 or older.

    Raises:
        LivefanError: if the process does not start, or ends, or a frame is too large.
    """
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder, ExitStack() as stack:
        messages = stack.enter_context((Path(folder) / "messages").open("w+b"))
        file = stack.enter_context((Path(folder) / "pixels").open("w+b"))
        file.truncate(_MOST_BYTES)
        pixels = stack.enter_context(mmap.mmap(file.fileno(), _MOST_BYTES))
        process = _started(python, file.name, messages)
        stack.callback(process.communicate)
        stack.callback(process.kill)

        def answer() -> Any:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(_MARK):
                    return json.loads(line.removeprefix(_MARK))
            messages.seek(0)
            lines = messages.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise LivefanError(f"--mesh-python {python}: its process ended ({lines[-1]})")

        def track(image: np.ndarray) -> Elsewhere:
            if image.nbytes > _MOST_BYTES:
                raise LivefanError(
                    f"--mesh-python: takes frames of at most {_LARGEST[0]} x {_LARGEST[1]} pixels, not "
                    f"{image.shape[1]} x {image.shape[0]}; choose a smaller recording, or leave it out"
                )
            pixels[: image.nbytes] = image.tobytes()
            assert process.stdin is not None
            with suppress(OSError):  # it ended: the answer says why
                print(json.dumps(image.shape), file=process.stdin, flush=True)
            faces, seconds, processor_seconds = answer()
            return Elsewhere(seconds, processor_seconds, faces)

        yield str(answer()), track


def _started(python: Path, pixels: str, messages: IO[bytes]) -> subprocess.Popen[str]:
    command = [str(python), "-c", _CODE, pixels]
    pipe = subprocess.PIPE
    # The other environment must not find livefan's packages.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=messages, text=True, env=environment)
    except OSError as error:
        raise LivefanError(
            f"--mesh-python {python}: cannot be started ({error.strerror}); name the interpreter of an "
            "environment with mediapipe 0.10.21"
        ) from error
