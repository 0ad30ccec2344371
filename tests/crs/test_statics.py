"""Are style sheets and scripts collected once per version, and served under names that never change their content?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage

from crs.portal.staticfiles import PortalStaticFiles
from crs.stack import statics
from crs.stack.folder import Folder
from crs.stack.site import Site

if TYPE_CHECKING:
    from pathlib import Path

    from django.conf import LazySettings


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = Folder(tmp_path / "state")
    folder.make()
    return Site(folder)


def test_they_are_collected_again_only_when_something_changed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert statics.are_due(site)
    collected = site.folder.path / "static"
    collected.mkdir()
    (collected / "staticfiles.json").write_text("{}")
    statics.remember(site)
    assert not statics.are_due(site)
    monkeypatch.setattr(statics, "_stamp", lambda: {"files": "another version"})
    assert statics.are_due(site)


def test_they_are_collected_again_when_what_was_collected_is_gone(site: Site) -> None:
    statics.remember(site)
    assert statics.are_due(site)


def test_before_they_are_collected_the_plain_names_are_served() -> None:
    assert staticfiles_storage.url("crs/portal.css") == "/static/crs/portal.css"


def test_what_was_collected_has_its_content_in_its_name(tmp_path: Path, settings: LazySettings) -> None:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").write_text(
        '{"version": "1.1", "hash": "", "paths": {"crs/portal.css": "crs/portal.0123456789ab.css"}}'
    )
    storage = PortalStaticFiles()
    assert storage.url("crs/portal.css") == "/static/crs/portal.0123456789ab.css"
