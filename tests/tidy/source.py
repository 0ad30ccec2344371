"""Which files are ours, and what do they look like as trees?"""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("approvals", "ledger", "guardian", "execution", "strategies")
PACKAGES = ("crs", *APPS)


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that git knows and that stands in the tree, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return tuple(
        sorted(path for name in listing.stdout.decode().split("\0") if name and (ROOT / (path := Path(name))).is_file())
    )


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a tracked Python file."""
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def python(*packages: str, floors: tuple[str, ...] = ()) -> list[Path]:
    """Return the Python files of `packages` (all of ours when none is named), only those of `floors` when given."""
    return [
        path
        for path in tracked()
        if path.suffix == ".py"
        and path.parts[0] in (packages or PACKAGES)
        and "migrations" not in path.parts
        and (not floors or (len(path.parts) > 1 and path.parts[1].removesuffix(".py") in floors))
    ]


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for a chain of names, otherwise ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""
