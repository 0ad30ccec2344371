"""How are style sheets and scripts served? Compressed and under names that never change their content."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class PortalStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise publishes no types
    """Hashed names once `collectstatic` has run; before that (tests, a fresh clone) the plain names of the packages."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the hashed name, or the name as it is while nothing was collected."""
        return str(super().stored_name(name)) if self.hashed_files else name
