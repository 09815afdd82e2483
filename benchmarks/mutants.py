"""How much of what is wrong the gradient checker finds, and how often it finds what is not there.

Every rule of the library is broken on purpose, in every way that applies, and checked; the rules as
they are, and the twins without a rule, are checked with many seeds.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import importlib
import json
import multiprocessing
import os
import pathlib
import resource
import time
from typing import Any

# Before numpy is imported: one thread for each process.
for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from backprop_lift import registry  # noqa: E402
from backprop_lift.gradcheck import check, check_mutants  # noqa: E402
from backprop_lift.gradcheck.mutants import SHOWN_AS  # noqa: E402

# Rules load with the packages that they are for.
SCIPY = (
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "ndimage",
    "optimize",
    "signal",
    "spatial",
    "special",
    "stats",
)

# Bytes for a process: some calls that are made from samples ask for arrays without end.
_MEMORY = 8 << 30


def entries() -> list[Any]:
    """All that the library registers with samples, in order."""
    for name in SCIPY:
        importlib.import_module(f"scipy.{name}")
    return [e for e in registry if e.samples and e.kind in ("rule", "twin")]


def measured(index: int, seeds: int) -> dict[str, Any]:
    """What became of one entry: plain data, to be sent from process to process."""
    entry = entries()[index]
    alarms = []
    for seed in range(seeds):
        report = check(entry.original, entry=entry, seed=seed)
        if any(report.failures()) or any(p.kind != "untold" for p in report.problems):
            alarms.append(f"{entry.name}, seed {seed}: {report}")
    found = check_mutants(entry.original, entry=entry, diagnose=entry.kind == "rule")
    shown = collections.Counter(
        bool({finding.kind for finding in report.findings} & SHOWN_AS[mutant.operator])
        for mutant, report in found.caught
        if entry.kind == "rule" and report.verdict == "wrong" and not _is_raised(report)
    )
    return {
        "name": entry.name,
        "kind": entry.kind,
        "counts": {
            "caught by the samples": len(found.caught),
            "caught by calls made from them": len(found.weak),
            "no mistakes, with proof": len(found.equivalent),
            "told by nothing": len(found.unreached),
            "missed": len(found.missed),
        },
        "diagnosed": (shown[True], shown.total()),
        "alarms": alarms,
        "text": str(found) if found.total > len(found.caught) else "",
    }


def _prepare() -> None:
    """Keep what LAPACK prints of broken rules out of the table, and their arrays in bounds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _is_raised(report: Any) -> bool:
    """Did a mutant not get as far as to give a gradient?"""
    return any("raises" in problem.text for problem in report.problems)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="checks of each rule as it is")
    parser.add_argument("--rules", type=int, default=0, help="how many, spread evenly; 0 for all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="print every mutant not caught at once")
    parser.add_argument(
        "--keep", type=pathlib.Path, help="a file of what is measured; what is in it is not again"
    )
    given = parser.parse_args()
    started = time.perf_counter()
    count = len(entries())
    step = max(count // given.rules, 1) if given.rules else 1
    chosen = list(range(0, count, step))[: given.rules or None]
    context = multiprocessing.get_context("spawn")
    names = [entry.name for entry in entries()]
    found = kept(given.keep, {names[index] for index in chosen})
    known = {one["name"] for one in found}
    chosen = [index for index in chosen if names[index] not in known]
    with concurrent.futures.ProcessPoolExecutor(
        given.jobs, mp_context=context, initializer=_prepare
    ) as pool:
        for one in pool.map(measured, chosen, [given.seeds] * len(chosen)):
            found.append(one)
            if given.keep is not None:
                with given.keep.open("a") as file:
                    file.write(json.dumps(one) + "\n")
            for line in [*one["alarms"], *([one["text"]] if given.list and one["text"] else [])]:
                print(line, flush=True)
    for kind, title in (("rule", "rules"), ("twin", "twins written by hand")):
        show(title, [one for one in found if one["kind"] == kind], given.seeds)
    print(f"{time.perf_counter() - started:.0f} s with {given.jobs} processes")


def kept(path: pathlib.Path | None, names: set[str]) -> list[dict[str, Any]]:
    """What an interrupted run has measured already of these entries."""
    if path is None or not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [one for one in found if one["name"] in names]


def show(title: str, found: list[dict[str, Any]], seeds: int) -> None:
    """Print the part of the table for one kind of entry."""
    counts: collections.Counter[str] = collections.Counter()
    for one in found:
        counts.update(one["counts"])
    total = counts.total()
    mistakes = total - counts["no mistakes, with proof"]
    print(f"\n{title:36}{len(found):8}")
    print(f"  {'mutants':34}{total:8}")
    for name, number in counts.items():
        print(f"  {name:34}{number:8}")
    caught = counts["caught by the samples"] + counts["caught by calls made from them"]
    if mistakes:
        print(f"  {'caught, of those that are mistakes':34}{100 * caught / mistakes:8.2f} %")
    right = sum(one["diagnosed"][0] for one in found)
    diagnosed = sum(one["diagnosed"][1] for one in found)
    if diagnosed:
        print(f"  {'diagnosis right':34}{100 * right / diagnosed:8.2f} %")
    alarms = sum(len(one["alarms"]) for one in found)
    print(f"  {f'false alarms in {seeds} seeds':34}{alarms:8}")


if __name__ == "__main__":
    main()
