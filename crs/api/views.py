"""What does REST answer that belongs to no app: the time, its own description, and addresses where nothing stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from crs.api.problems import NothingHere, page
from crs.kernel import clock

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from rest_framework.request import Request


class TimeAnswer(serializers.Serializer[Any]):
    """The server's clock."""

    time = serializers.DateTimeField(help_text="RFC 3339, UTC")
    unix_ms = serializers.IntegerField(help_text="The unit of CRS-Timestamp")


class TimeView(APIView):
    """The server's clock, for clients that must sign a timestamp and do not trust their own."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=TimeAnswer)
    def get(self, request: Request) -> Response:  # noqa: ARG002 — DRF's signature
        now = clock.now()
        return Response(TimeAnswer({"time": now, "unix_ms": int(now.timestamp() * 1_000)}).data)


@csrf_exempt  # programs bring no token, and nothing here acts on anything
def nothing_here(request: HttpRequest, **_: object) -> HttpResponse:
    """Answer every other address under /api/, whatever the method."""
    return page(NothingHere(), request)
