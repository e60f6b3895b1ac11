"""Runs the benchmarks: JSON to stdout, how far they are to stderr.

Whether every promise holds does not change the exit status: figures of one
noisy run are for people to judge.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import (
    bulk,
    change,
    commit,
    commits,
    datums,
    fit,
    inference,
    large_file,
    machine,
    memory,
    remote,
    scaling,
    sizes,
    startup,
    stream,
)
from benchmarks.figures import Figure, Report, tell

_BENCHMARKS: dict[str, Callable[..., Report]] = {
    "startup": startup.measure,
    "fit": fit.measure,
    "commit": commit.measure,
    "commits": commits.measure,
    "bulk": bulk.measure,
    "large_file": large_file.measure,
    "remote": remote.measure,
    "memory": memory.measure,
    "scaling": scaling.measure,
    "change": change.measure,
    "datums": datums.measure,
    "stream": stream.measure,
    "inference": inference.measure,
    "sizes": sizes.measure,
}
# Just enough to see that a benchmark works; the figures mean nothing.
_QUICK: dict[str, dict[str, Any]] = {
    "startup": {"runs": 2, "warm_up": 0},
    "fit": {"request": fit.SHORT_REQUEST, "runs": 1, "warm_up": 0},
    "commit": {"small": 10, "large": 300, "runs": 3, "warm_up": 1, "counted": 3},
    "commits": {"commits": 20, "writers": 2, "commits_each": 3, "runs": 1},
    "bulk": {"files": 300, "runs": 1, "dvc_runs": 0, "more": 2},
    "large_file": {"size_bytes": 20_000_000, "runs": 1},
    "remote": {"files": (300,), "latency_s": 0.001, "runs": 2},
    "memory": {"files": 2_000},
    "scaling": {"files": (100, 1_000), "runs": 2},
    "change": {"small": 20, "large": 200, "compared": 20, "runs": 2, "dvc_runs": 0},
    "datums": {"datums": 100, "runs": 1, "with_peers": False},
    "stream": {"rate": 20, "seconds": 1, "runs": 1},
    "inference": {"rows": 1_000, "files": 10, "trees": 5, "runs": 1},
    "sizes": {"extras": ()},
}


def main(line: Sequence[str] | None = None) -> int:
    """Runs the named benchmarks, or all but the sizes."""
    options = _options(line)
    names = options.names or [name for name in _BENCHMARKS if name != "sizes"]
    if options.sizes and "sizes" not in names:
        names.append("sizes")
    document: dict[str, Any] = {"machine": machine.facts(), "benchmarks": {}}
    for name in names:
        tell(f"{name} …")
        report = _BENCHMARKS[name](**_QUICK[name] if options.quick else {})
        document["benchmarks"][name] = report
        _summarise(report)
    data = msgspec.json.format(msgspec.json.encode(document), indent=2)
    if options.json is not None:
        options.json.write_bytes(data + b"\n")
    sys.stdout.write(data.decode() + "\n")
    return 0


def _options(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what Headwater promises."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(_BENCHMARKS)}; all but sizes by default"
    )
    parser.add_argument(
        "--sizes", action="store_true", help="measure the sizes of installations too (takes long)"
    )
    parser.add_argument("--quick", action="store_true", help="measure next to nothing, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON to this file too")
    options = parser.parse_args(line)
    unknown = [name for name in options.names if name not in _BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(_BENCHMARKS)}")
    return options


def _summarise(report: Report) -> None:
    for name, one in report.figures.items():
        tell(f"   {name:24} {_in_words(one)}")
    for note in report.notes:
        tell(f"   {note}")


def _in_words(one: Figure) -> str:
    if one.median is None:
        return "not measured"
    text = f"{one.median:>10} {one.unit} ({one.min} … {one.max}, {one.runs} runs)"
    if one.promise is None:
        return text
    which = "at least" if one.promise.is_least else "at most"
    return f"{text}, promised {which} {one.promise.limit}: {'met' if one.promise.met else 'NOT MET'}"


if __name__ == "__main__":
    sys.exit(main())
