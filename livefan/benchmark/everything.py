"""All measurements in one file, ``livefan benchmark --all --json FILE``, and the comparison of two files."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livefan.benchmark.child import output_of
from livefan.benchmark.suite import machine
from livefan.core.errors import LivefanError
from livefan.core.provenance import commit, without_folder
from livefan.runtimes.cache import installed_version

FORMAT = 1
ONE_CORE, TWO_CORES, ANNOTATE, GROWTH = "one core", "two cores", "annotate", "growth"
_PARTS = {
    ONE_CORE: ["--threads", "1"],
    TWO_CORES: ["--threads", "2"],
    ANNOTATE: ["--annotate"],
    GROWTH: ["--growth"],
}
_ONCE = (GROWTH,)
_PACKAGES = ("av", "mediapipe", "numpy", "onnxruntime", "openvino", "torch")


def measure_all(
    options: Mapping[str, Sequence[str]],
    repeats: int,
    log: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run every part in a process of its own, the parts in turn, and return their figures.

    A part that fails leaves a problem, and the others are measured.

    Args:
        options: further arguments of the command for each part; parts that are not named are left out.
        repeats: number of rounds; the growth is measured in the first one only.
        log: receives the name of each part as it starts.

    Returns:
        Values for JSON: ``format``, ``machine``, ``commit``, ``versions``, ``command``, ``problems`` (a line
        for each failure) and ``parts``, a list with the figures of every repeat for each part.

    Raises:
        LivefanError: if every part fails; the first problem.
    """
    parts: dict[str, list[Any]] = {name: [] for name in _PARTS if name in options}
    problems: list[str] = []
    for number in range(repeats):
        for name, results in parts.items():
            if number and name in _ONCE:
                continue
            log(f"{name}, {number + 1} of {repeats}")
            try:
                results.append(_run([*_PARTS[name], *options[name]]))
            except LivefanError as error:
                problems.append(f"{name}, {number + 1} of {repeats}: {error}")
    if problems and not any(parts.values()):
        raise LivefanError(problems[0])
    return {
        "format": FORMAT,
        "machine": machine(),
        "commit": commit(),
        "versions": {package: installed_version(package) for package in _PACKAGES},
        "command": {
            name: " ".join(["benchmark", *_PARTS[name], *map(without_folder, options[name])])
            for name in parts
        },
        "problems": problems,
        "parts": parts,
    }


def _run(arguments: Sequence[str]) -> Any:
    """Return the figures that the command ``benchmark`` writes with some arguments."""
    with tempfile.TemporaryDirectory(prefix="livefan-benchmark-") as folder:
        file = Path(folder) / "part.json"
        command = ["-m", "livefan", "benchmark", *arguments, "--json", str(file)]
        output_of(f"benchmark {' '.join(map(without_folder, arguments))}", command)
        return json.loads(file.read_text(encoding="utf-8"))


def read_measurement(path: Path) -> dict[str, Any]:
    """Return the content of a file that ``benchmark --all --json`` wrote.

    Raises:
        LivefanError: if it is no such file.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        texts = isinstance(read["commit"], str) and isinstance(read["machine"], str)
        if read["format"] == FORMAT and isinstance(read["parts"], dict) and texts:
            return dict(read)
    except OSError as error:
        raise LivefanError(f"{path}: {error.strerror}; name a file of 'benchmark --all --json'") from error
    except (ValueError, KeyError, TypeError):
        pass
    raise LivefanError(f"{path}: not written by 'benchmark --all --json'; name such a file")


def figures(part: Any) -> dict[str, float]:
    """Return the times of one repeat of a part, by name, in the unit of the part."""
    found: dict[str, float] = {}
    for name, timing in part.get("in_turn", {}).items():
        found[f"in turn: {name}"] = timing["median"]
        found[f"in turn: {name}, 95th percentile"] = timing["p95"]
    for name, timing in part.get("stages", {}).items():
        found[f"stages: {name}"] = timing["median"]
    if "end_to_end" in part:
        found["end to end"] = part["end_to_end"]["median"]
    for count in part.get("faces", []):
        found[f"faces: {count['faces']}"] = count["frame"]["median"]
    for size in part.get("sizes", []):
        found[f"frame: {size['width']} x {size['height']}"] = size["frame"]["median"]
    for row in part.get("rows", []):
        found[f"{row['grows']}: {row['value']}"] = row["time"]
    for name, seconds in part.get("seconds", {}).items():
        found[name] = seconds
    for own, others in part.get("ratios", {}).items():
        for other, ratio in others.items():
            found[f"{own} / {other}"] = ratio["time"]
    return found


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a comparison: second over first, with the range over all pairs of repeats."""
    yield f"first:  commit {first['commit']}, {first['machine']}"
    yield f"second: commit {second['commit']}, {second['machine']}"
    if first["machine"] != second["machine"]:
        yield "the machines differ: only the ratios to other programs can be compared"
    for name in first["parts"]:
        one, two = ([figures(part) for part in each["parts"].get(name, [])] for each in (first, second))
        if not one or not two:
            continue
        yield f"{name}: second / first, range of {len(one)} x {len(two)} pairs of repeats"
        for figure in one[0]:
            before, after = ([each[figure] for each in repeats if each.get(figure)] for repeats in (one, two))
            if before and after:
                ratios = [later / earlier for earlier in before for later in after]
                middle = statistics.median(after) / statistics.median(before)
                yield f"  {figure:58}{middle:6.2f}  [{min(ratios):.2f}, {max(ratios):.2f}]"
