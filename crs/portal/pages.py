"""How is a page of ours made? Under the strict policy, with the sidebar and the header of the admin around it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpResponse, HttpResponseNotModified
from django.shortcuts import render as django_render
from django.template.loader import render_to_string

if TYPE_CHECKING:
    from django.http import HttpRequest


def render(request: HttpRequest, template: str, *, title: Any, status: int = 200, **facts: Any) -> HttpResponse:
    """Return a whole page; `title` is its one h1."""
    return django_render(
        request, template, {**admin.site.each_context(request), "title": title, **facts}, status=status
    )


def fragment(request: HttpRequest, template: str, **facts: Any) -> HttpResponse:
    """Return a part of a page with an ETag over its bytes, or 304 when the reader has just these.

    So nothing in it may contain the present time: ages are made from moments by portal.js.
    """
    body = render_to_string(template, facts, request)
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    response: HttpResponse = (
        HttpResponseNotModified() if request.headers.get("If-None-Match") == tag else HttpResponse(body)
    )
    response["ETag"] = tag
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Cookie"
    return response
