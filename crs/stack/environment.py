"""How does a machine with nothing but Python get everything CRS needs? Run by the Makefile, before anything of ours.

    python3 -m crs.stack.environment FOLDER SET…

Makes the virtual environment FOLDER and installs `requirements/SET.txt`: wheels only, each by its hash. A stamp over
the files skips the work while they stand. Standard library only; works from any Python ≥ 3.11.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VERSION_MIN = (3, 11)
SHOWN_WIDTH = 70


def main(arguments: list[str]) -> int:
    """Bring the environment up to date; 0 when it is, 2 with one line when it cannot be."""
    if sys.version_info < VERSION_MIN:
        print(f"CRS needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11 …")
        return 2
    folder, sets = Path(arguments[0]), arguments[1:]
    files = [ROOT / "requirements" / f"{name}.txt" for name in sets]
    stamp = folder / f".installed-{'-'.join(sets)}"
    digest = hashlib.sha256(b"\0".join([sys.version.encode(), *(path.read_bytes() for path in files)])).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return 0
    began = time.monotonic()
    python = folder / "bin" / "python"
    if not python.exists() and not _make(folder):
        return 2
    if code := _install(python, files):
        return code
    stamp.write_text(digest)
    print(f"environment ready ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


def _make(folder: Path) -> bool:
    print(f"making the virtual environment {folder}", flush=True)
    try:
        venv.create(folder, with_pip=True, symlinks=True, clear=folder.exists())
    except subprocess.CalledProcessError:
        print("this Python has no ensurepip: install it (Debian: apt install python3-venv), then try again")
        return False
    return True


def _install(python: Path, files: list[Path]) -> int:
    """Run pip, showing how far it is; everything it said only when it failed."""
    total = len(
        {line.split(" ")[0] for path in files for line in path.read_text().splitlines() if re.match(r"\w", line)}
    )
    requirements = [part for path in files for part in ("-r", str(path))]
    pip = subprocess.Popen(
        [
            *(python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"),
            *("--only-binary", ":all:", "--require-hashes", *requirements),
        ],
        cwd=ROOT,
        # A user's own pip settings (another index is fine) stay; PYTHONPATH would mix in foreign packages.
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert pip.stdout is not None
    said, seen = [], 0
    for line in pip.stdout:
        said.append(line)
        if found := re.match(r"Collecting (\S+?)==|Requirement already satisfied: (\S+?)==", line):
            seen += 1
            _show(f"installing {seen}/{total} {found[1] or found[2]}", is_step=seen % 25 == 0)
        elif line.startswith("Installing collected packages"):
            _show(f"unpacking {total} packages", is_step=True)
    _show("", is_step=False)
    if pip.wait():
        print("".join(said[-30:]), end="")
        print("pip could not install the requirements: see above; nothing was started")
    return 2 if pip.returncode else 0


def _show(text: str, *, is_step: bool) -> None:
    """Overwrite one line on a terminal; elsewhere print a line now and then."""
    if sys.stdout.isatty():
        print(f"\r{text[:SHOWN_WIDTH]:<{SHOWN_WIDTH}}", end="" if text else "\r", flush=True)
    elif is_step:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
