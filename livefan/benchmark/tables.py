"""Write the tables of the documents from the measurements that are kept in benchmarks/.

Usage: ``python -m livefan.benchmark.tables``. ``--check`` fails if a document is not up to date.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from livefan.benchmark.everything import ANNOTATE, GROWTH, ONE_CORE, TWO_CORES, figures, read_measurement

BEGIN = "<!-- start of the tables that python -m livefan.benchmark.tables writes -->"
END = "<!-- end of these tables -->"
_ROOT = Path(__file__).parents[2]
FOLDER = _ROOT / "benchmarks"

Table = Callable[[str, Mapping[str, Any]], Iterator[str]]
"""Yields the lines for the name and the content of a measurement."""


def document_with_tables(text: str, measurements: Mapping[str, Mapping[str, Any]], table: Table) -> str:
    """Return a document whose tables, between :data:`BEGIN` and :data:`END`, are those of some measurements.

    Args:
        text: the document; without measurements it stays as it is.
        measurements: content of the files, by name.
        table: :func:`tables` or :func:`short_table`.
    """
    if not measurements:
        return text
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    content = "\n".join(line for name, each in sorted(measurements.items()) for line in table(name, each))
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def short_table(name: str, measurement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of the ratios to other programs, and the speed of ``annotate``."""
    parts = measurement["parts"]
    cores = {each: parts[each] for each in (ONE_CORE, TWO_CORES) if parts.get(each)}
    read = {core: [figures(part) for part in repeats] for core, repeats in cores.items()}
    ratios = dict.fromkeys(each for repeats in read.values() for each in repeats[0] if " / " in each)
    yield ""
    if ratios:
        yield f"| time of a frame ({name}: {measurement['machine']}; commit {measurement['commit']}) | " + (
            " | ".join(cores) + " |"
        )
        yield "| --- |" + " --- |" * len(cores)
    for figure in ratios:
        yield f"| {figure} | " + " | ".join(_middle(repeats, figure) for repeats in read.values()) + " |"
    speeds = parts.get(ANNOTATE) or []
    if speeds:
        texts = []
        for program in speeds[0]["seconds"]:
            real_time = [each["clip_seconds"] / each["seconds"][program] for each in speeds]
            texts.append(f"{program} {statistics.median(real_time):.1f}")
        yield ""
        yield f"Whole recordings, multiples of real time: {'; '.join(texts)}."
    yield ""


def _middle(repeats: list[dict[str, float]], figure: str) -> str:
    values = [each[figure] for each in repeats if figure in each]
    return f"{statistics.median(values):.2f}" if values else "-"


def tables(name: str, measurement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables of one measurement."""
    versions = ", ".join(f"{package} {version}" for package, version in measurement["versions"].items())
    yield f"### {name}"
    yield ""
    yield f"{measurement['machine']}; commit {measurement['commit']}; {versions}."
    parts = measurement["parts"]
    cores = {each: parts[each] for each in (ONE_CORE, TWO_CORES) if parts.get(each)}
    if cores:
        yield from _core_tables(cores, measurement["command"])
    if parts.get(ANNOTATE):
        yield from _annotate_table(parts[ANNOTATE], measurement["command"][ANNOTATE])
    if parts.get(GROWTH):
        yield from _growth_table(parts[GROWTH][0], measurement["command"][GROWTH])
    yield ""


def _core_tables(cores: Mapping[str, list[Any]], commands: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield "; ".join(f"{name}: `{commands[name]}`" for name in cores) + "."
    yield "Multiples of each program's time; range over the repeats; milliseconds for the steps."
    yield ""
    yield "| figure | " + " | ".join(cores) + " |"
    yield "| --- |" + " --- |" * len(cores)
    read = {name: [figures(part) for part in repeats] for name, repeats in cores.items()}
    names = list(dict.fromkeys(figure for repeats in read.values() for figure in repeats[0]))
    is_ratio = [each for each in names if " / " in each]
    for figure in [*is_ratio, *(each for each in names if each not in is_ratio)]:
        yield f"| {figure} | " + " | ".join(_range(repeats, figure) for repeats in read.values()) + " |"
    if ONE_CORE in cores:
        yield from _budget([each["budget"] for each in cores[ONE_CORE]])
    layers = cores.get(ONE_CORE, [{}])[0].get("layers") or {}
    network = cores.get(ONE_CORE, [{}])[0].get("stages", {}).get("model")
    if layers and network:
        yield ""
        yield "| slowest layers of the network, one core | share of the network |"
        yield "| --- | --- |"
        for layer, milliseconds in layers.items():
            yield f"| {layer} | {milliseconds / network['median']:.1%} |"


def _budget(repeats: list[dict[str, float]]) -> Iterator[str]:
    """Yield the shares that :mod:`livefan.benchmark.budget` measured; the first value is the whole frame."""
    whole, *steps = repeats[0]
    yield ""
    yield "| step, one core | share of the CPU time of a frame, % |"
    yield "| --- | --- |"
    for step in steps:
        yield f"| {step} | {_spread([100 * each[step] / each[whole] for each in repeats])} |"


def _annotate_table(repeats: list[Any], command: str) -> Iterator[str]:
    yield ""
    yield f"`{command}`: {repeats[0]['clip']}, {repeats[0]['clip_seconds']:.1f} s; multiples of real time."
    yield ""
    yield "| program | x real time |"
    yield "| --- | --- |"
    for name in repeats[0]["seconds"]:
        speeds = [each["clip_seconds"] / each["seconds"][name] for each in repeats]
        yield f"| {name} | {_spread(speeds)} |"


def _growth_table(growth: Mapping[str, Any], command: str) -> Iterator[str]:
    yield ""
    yield f"`{command}`:"
    yield ""
    yield "| grows | value | time | memory |"
    yield "| --- | --- | --- | --- |"
    for row in growth["rows"]:
        memory = "-" if row["mebibytes"] is None else f"{row['mebibytes']:.0f} MiB"
        yield f"| {row['grows']} | {row['value']} | {row['time']:.3g} {row['unit']} | {memory} |"


def _range(repeats: list[dict[str, float]], figure: str) -> str:
    return _spread([each[figure] for each in repeats if figure in each])


def _spread(values: list[float]) -> str:
    """Return the median of some values, and their range where there are several."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


DOCUMENTS: dict[Path, Table] = {
    FOLDER / "README.md": tables,
    _ROOT / "docs" / "speed.md": short_table,
    _ROOT / "README.md": short_table,
}
"""The documents, and the tables of each."""


def main() -> int:
    """Write or check the tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a document is not up to date")
    arguments = parser.parse_args()
    kept = {path.stem: read_measurement(path) for path in FOLDER.glob("*.json")}
    differ = False
    for document, table in DOCUMENTS.items():
        text = document.read_text(encoding="utf-8")
        new = document_with_tables(text, kept, table)
        differ = differ or new != text
        if not arguments.check:
            document.write_text(new, encoding="utf-8")
    return int(differ and arguments.check)


if __name__ == "__main__":
    sys.exit(main())
