"""Which promises hold on this machine? Runs the scripts beside it and rewrites the rows of docs/BENCHMARKS.md.

    make bench                      all of them, on a fresh stack with fsync on
    make bench B="posting wire"     those whose names begin so

A script measures one thing and prints JSON lines: `name`, `figure`, `unit`, and as far as they apply `target`, `better`
("higher", the default, or "lower") and `leaves_out`. Rows of scripts that did not run stay as they are.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "BENCHMARKS.md"
BEGIN, END = "<!-- rows: begin -->", "<!-- rows: end -->"
HEAD = (
    "| what | figure | target | of target | leaves out | repeat | machine, commit, day |\n|---|---|---|---|---|---|---|"
)
FAILED = 1


def main(names: list[str]) -> int:
    """Run the scripts in turn; 1 when one of them failed, and the rows of the others are written all the same."""
    scripts = sorted(path for path in Path(__file__).parent.glob("*.py") if path != Path(__file__).resolve())
    chosen = [path for path in scripts if not names or any(path.stem.startswith(name) for name in names)]
    rows, failed = read_rows(), []
    for number, path in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {path.stem}", flush=True)
        done = subprocess.run(
            [sys.executable, str(path)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
        )
        results = [result for line in done.stdout.splitlines() if (result := parsed(line))]
        for result in results:
            print(f"    {result['name']}: {shown(result['figure'])} {result['unit']}  {ratio(result)}", flush=True)
            rows[str(result["name"])] = row(result, path.stem)
        if done.returncode or not results:
            failed.append(path.stem)
    write_rows(rows)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return FAILED if failed else 0


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "crs.settings"}


def parsed(line: str) -> dict[str, Any] | None:
    """Return the object of a line that is a result; anything else a script says is for people."""
    try:
        result = json.loads(line)
    except ValueError:
        return None
    return result if isinstance(result, dict) and {"name", "figure", "unit"} <= result.keys() else None


def ratio(result: dict[str, Any]) -> str:
    """Return how far the target is reached: 1.00 and above keeps the promise, whichever way is better."""
    target, figure = result.get("target"), result["figure"]
    if not target or not figure:
        return ""
    return f"{(target / figure if result.get('better') == 'lower' else figure / target):.2f}"


def row(result: dict[str, Any], script: str) -> str:
    """Return the table row of a result: the machine in words, no names and no paths of it."""
    bound = {"lower": "≤", "higher": "≥"}[result.get("better", "higher")]
    target = f"{bound} {shown(result['target'])} {result['unit']}" if result.get("target") else "–"
    cells = [
        result["name"],
        f"{shown(result['figure'])} {result['unit']}",
        target,
        ratio(result) or "–",
        result.get("leaves_out", "–"),
        f'`make bench B="{script}"`',
        machine(),
    ]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def shown(figure: float) -> str:
    """Return a figure with three digits that mean something."""
    if abs(figure) >= 100 or figure == int(figure):
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def machine() -> str:
    """Return what the figures were measured on, in words."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    cores = os.cpu_count()
    return f"{cores} cores, {system}, Python {platform.python_version()}; {commit or '–'}; {datetime.now(UTC):%Y-%m-%d}"


def read_rows() -> dict[str, str]:
    """Return the rows that stand on the page, by their first cell."""
    if not PAGE.exists():
        return {}
    _, _, rest = PAGE.read_text().partition(BEGIN)
    lines = rest.partition(END)[0].splitlines()
    return {
        line.split("|")[1].strip(): line for line in lines if line.startswith("| ") and not line.startswith("| what ")
    }


def write_rows(rows: dict[str, str]) -> None:
    """Put the rows into the page, in the order of their names; what people wrote around them stays."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join([HEAD, *(rows[name] for name in sorted(rows))])
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
