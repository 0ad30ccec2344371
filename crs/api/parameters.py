"""Which parameters does an address know? Any other is refused: left out, it would look as if it had been heeded.

A view without a list names its own: `parameters = ("as_of",)`. Those of a list are its pages' and its filters'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.serializers import ValidationError

from crs.kernel.refusal import Refusal

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class UnknownParameter(Refusal):
    """The query names a parameter that nobody reads: a misspelt filter would return everything."""

    code: ClassVar[str] = "UNKNOWN_PARAMETER"
    title: ClassVar[str] = "No parameter is called that"


class KnownParameters(BasePermission):
    """Lets a request pass that says every parameter once, and only parameters that the view reads."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        known = parameters_of(view)
        for name, said in request.query_params.lists():
            if name not in known:
                there = f"there are {', '.join(known)}" if known else "there are none here"
                raise UnknownParameter(f"no parameter is called {name[:80]!r}; {there}", pointer=f"/{name[:80]}")
            if len(said) > 1:
                raise ValidationError({name: "A parameter stands once."})
            if not said[0]:
                raise ValidationError({name: "A parameter says something, or is left out."})
        return True


def parameters_of(view: Any) -> tuple[str, ...]:
    """Return the names of the parameters that a view reads."""
    own = tuple(getattr(view, "parameters", ()))
    if not isinstance(view, ListModelMixin):
        return own
    listed: Any = view  # the mixin knows neither pages nor filters
    filters = getattr(listed, "filterset_class", None)
    cut = tuple(filters.base_filters) if filters else tuple(getattr(listed, "filterset_fields", ()))
    return (*own, *(one["name"] for one in listed.paginator.get_schema_operation_parameters(listed)), *cut)
