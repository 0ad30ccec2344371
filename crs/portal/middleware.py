"""Which pages may evaluate script text? Only the admin's: its theme needs it, and our own pages do not.

See docs/adr: the strict pages (stopping, keys) stand outside `/admin/`, so that nothing on them can be evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.urls import reverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

# Alpine evaluates its attributes; the theme's skeleton carries two inline styles (colours and borders).
ADMIN_POLICY = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}


class AdminCSP:
    """Widen the policy under the admin path, and nowhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(reverse("admin:index")):
            response._csp_update = ADMIN_POLICY  # type: ignore[attr-defined] # django-csp's own channel, see its @csp_update
        return response
