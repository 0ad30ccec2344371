"""Can I sleep? If not, what do I do first?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.http import HttpRequest


def dashboard(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the start page of the admin: unfold's DASHBOARD_CALLBACK."""
    return {**context, "title": _("Cockpit")}
