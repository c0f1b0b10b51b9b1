"""Compares what `tender bench --json` measured with the thresholds; ends `N passed, N failed`.

usage: check.py THRESHOLDS FOLDER     FOLDER holds <bench>.json for each bench that was run

A threshold names a bench, a row, and what of it counts: its `ratio` to a reference that ran in the
same minutes, or its `value` (counts, and times that are promises), maybe divided by another row
(`per`) in the same unit.
`bar` is what must be reached in the end. `floor` is what fails here: the last level that was seen,
less the noise of a shared machine; where the bar is not reached yet, `floor` keeps it from
getting worse.
"""

import json
import pathlib
import sys


class Missing(Exception):
    pass


def rows(folder, bench):
    path = folder / f"{bench}.json"
    if not path.exists():
        raise Missing(f"{bench} was not run")
    return {row["name"]: row for row in json.loads(path.read_text())}


def number(folder, bench, name, of):
    row = rows(folder, bench).get(name)
    if row is None:
        raise Missing(f"{bench} has no row {name!r}")
    if row.get(of) is None:
        raise Missing(f"{bench}: {name!r} has no {of}")
    return row[of]


def judge(threshold, folder):
    """Returns whether it holds, and a line that says how."""
    label = f"{threshold['bench']}: {threshold['name']}"
    try:
        value = number(folder, threshold["bench"], threshold["name"], threshold["of"])
        if per := threshold.get("per"):
            label += f" / {per['name']}"
            value /= number(folder, per["bench"], per["name"], "value")
            value *= per.get("times", 1)
    except Missing as missing:
        return False, f"{label}: {missing}"
    least = threshold["sense"] == "at least"
    reached = (lambda limit: value >= limit) if least else (lambda limit: value <= limit)
    bar = "reached" if reached(threshold["bar"]) else "not reached"
    return reached(threshold["floor"]), (
        f"{label}: {value:.2f}, {threshold['sense']} {threshold['floor']}"
        f" (bar {threshold['bar']} {bar})")


def main(thresholds, folder):
    passed = failed = 0
    for threshold in json.loads(pathlib.Path(thresholds).read_text()):
        holds, line = judge(threshold, pathlib.Path(folder))
        print("ok  " if holds else "FAIL", line)
        passed += holds
        failed += not holds
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
