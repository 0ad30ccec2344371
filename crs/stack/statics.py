"""Must style sheets and scripts be collected? Once per version: compressed, under names that never change content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from crs.stack.addresses import ROOT

if TYPE_CHECKING:
    from crs.stack.site import Site

STAMP = "collected.json"


def are_due(site: Site) -> bool:
    """Tell whether `collectstatic` has to run: our own files or the libraries that bring theirs have changed."""
    return site.folder.read_json(STAMP) != _stamp() or not (site.folder.path / "static" / "staticfiles.json").exists()


def remember(site: Site) -> None:
    """Write down that what is collected is what is installed."""
    site.folder.write_json(STAMP, _stamp())


def _stamp() -> dict[str, Any]:
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "crs/static").rglob("*.*"), *ROOT.glob("requirements/*.txt")]):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return {"files": digest.hexdigest()}
