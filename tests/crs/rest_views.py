"""Which views stand in for those of the apps, where the plugs themselves are tested? A URL configuration of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import Group
from django.db import OperationalError
from django.urls import path
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.models import AuditEvent
from crs import urls as crs_urls
from crs.kernel.refusal import Refusal
from crs.kernel.rest import Versioned

if TYPE_CHECKING:
    from rest_framework.request import Request


class Refused(Refusal):
    """What the counting view answers when it is told to refuse."""

    code: ClassVar[str] = "TEST_REFUSED"
    title: ClassVar[str] = "Refused"


class Counting(APIView):
    """Counts how often it was carried out; refuses, breaks or waits when told to."""

    scopes: ClassVar = {"POST": "order:propose", "GET": "ledger:read"}
    parameters = ("a", "b", "x")
    calls: ClassVar[list[Any]] = []
    gate: ClassVar[threading.Event | None] = None  # carried out only once it is set
    lock: ClassVar = threading.Lock()

    def get(self, request: Request) -> Response:
        return Response({"calls": len(self.calls)})

    def post(self, request: Any) -> Response:  # Any: the body is JSON
        with self.lock:
            self.calls.append(request.data)
            number = len(self.calls)
        if self.gate is not None:
            self.gate.wait(10)
        wanted = request.data.get("then")
        if wanted == "refuse":
            raise Refused("as told", pointer="/then", limit=5)
        if wanted == "break":
            raise RuntimeError("secret detail")
        if wanted == "database":
            raise OperationalError("server closed the connection")
        return Response({"number": number}, status=201, headers={"Location": f"/counting/{number}"})


class Paper(Counting):
    """Writes to the book that the body names."""

    def books(self, request: Any) -> set[str | None]:
        return {request.data.get("book")}


class EventRow(serializers.ModelSerializer[AuditEvent]):
    class Meta:
        model = AuditEvent
        fields = ("id", "at", "subject_id")


class Events(generics.ListAPIView[AuditEvent]):
    scopes: ClassVar = {"GET": "ledger:read"}
    queryset = AuditEvent.objects.all()
    serializer_class = EventRow
    ordering = "-at"
    ordering_fields = ("at", "subject_id")
    filterset_fields = ("subject_kind",)


class Named(Versioned, APIView):
    """One editable resource: a group whose name is its content; its version is how often it was renamed."""

    scopes: ClassVar = {"GET": "ledger:read", "PUT": "ledger:write"}
    versions: ClassVar[dict[int, int]] = {}

    def get(self, request: Request, pk: int) -> Response:
        return self.stamp(Response({"name": Group.objects.get(pk=pk).name}), self.versions.setdefault(pk, 1))

    def put(self, request: Any, pk: int) -> Response:
        self.refuse_stale(self.versions[pk])
        Group.objects.filter(pk=pk).update(name=request.data["name"])
        self.versions[pk] += 1
        return self.stamp(Response({"name": request.data["name"]}), self.versions[pk])


urlpatterns = [
    path("api/v1/counting", Counting.as_view()),
    path("api/v1/paper", Paper.as_view()),
    path("api/v1/events", Events.as_view()),
    path("api/v1/named/<int:pk>", Named.as_view()),
    *crs_urls.urlpatterns,  # the middleware knows the site's own pages
]
handler500 = "crs.api.problems.server_error"
