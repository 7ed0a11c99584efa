"""Counts what comes of the calls that people write for transformers; with --write asks transformers anew.

python -m tests.porting                  # against the frozen answers: no torch needed
python -m tests.porting --write [AREA]   # runs the rows in transformers, freezes its answers, updates the document
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what tests share

from tests.porting import reference_keywords
from tests.porting.area import Area
from tests.porting.areas import all_areas
from tests.porting.differences import write

KINDS = ("equal", "container", "deliberate", "absent", "WRONG")


def count(area: Area, checkpoints: Path) -> Counter:
    """How many of an area's rows came out how; says which are wrong."""
    counts: Counter = Counter()
    answers = area.answers()
    for row in area.rows.values():
        if row.needs and importlib.util.find_spec(row.needs) is None:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            ours = row.result("npconformer", checkpoints, Path(temporary))
        try:
            counts[row.verdict(ours, answers[row.call])] += 1
        except (AssertionError, KeyError) as error:
            print(f"{area.name}: {error}", file=sys.stderr)
            counts["WRONG"] += 1
    return counts


def freeze(area: Area, checkpoints: Path) -> None:
    """Runs an area's rows in transformers."""
    answers = {}
    for row in area.rows.values():
        with tempfile.TemporaryDirectory() as temporary:
            answers[row.call] = row.result("transformers", checkpoints, Path(temporary))
    area.freeze(answers)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.porting", description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", help="all, unless named")
    parser.add_argument("--write", action="store_true", help="ask transformers, and freeze what it says")
    given = parser.parse_args()
    areas = [area for area in all_areas() if not given.areas or area.name in given.areas]
    with tempfile.TemporaryDirectory() as checkpoints:
        if given.write:
            for area in areas:
                freeze(area, Path(checkpoints))
            write(all_areas())
            reference_keywords.freeze()
        counts = {area.title: count(area, Path(checkpoints)) for area in areas}
    counts["all"] = sum(counts.values(), Counter())
    print(f"{'':24}" + "".join(f"{kind:>12}" for kind in KINDS))
    for title, found in counts.items():
        print(f"{title:24}" + "".join(f"{found[kind]:>12}" for kind in KINDS))
    sys.exit(bool(counts["all"]["WRONG"]))


if __name__ == "__main__":
    main()
