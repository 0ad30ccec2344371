"""What does `make clean` remove? The state folder with the book in it, the sheltered data, and the environment.

    python3 -m crs.stack.clean VENV

Standard library only: the environment may be gone already.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from crs.stack import addresses

SHELTER = Path("/var/lib/crs")


def sheltered(state: Path) -> Path:
    """Return where the data of a state folder lies when the server's user cannot enter it (only ever as root)."""
    return SHELTER / hashlib.sha256(str(state).encode()).hexdigest()[:16]


def main(arguments: list[str]) -> int:
    """Remove what the stack and the Makefile made; a folder that is no state folder is left alone."""
    state = addresses.state_dir()
    if state.exists() and not (state / "stack.lock").exists():
        print(f"{state} does not look like a state folder: left alone")
    else:
        shutil.rmtree(state, ignore_errors=True)
        shutil.rmtree(sheltered(state), ignore_errors=True)
    venv = Path(arguments[0])
    if venv.is_symlink():
        venv.unlink()
    shutil.rmtree(venv, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
