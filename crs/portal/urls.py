"""Which addresses are the portal's own? They stand outside the admin, under the strict policy."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from crs.portal.views import find, health, keys, kill, live, me, postings

routes = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("live/bar/", live.bar, name="live-bar"),
    path("live/cockpit/", live.cockpit, name="live-cockpit"),
    path("kill/", kill.stop, name="kill"),
    path("kill/<int:epoch>/", kill.progress, name="kill-progress"),
    path("kill/<int:epoch>/live/", kill.progress_live, name="kill-progress-live"),
    path("kill/<int:epoch>/release/", kill.ask_release, name="kill-release"),
    path("kill/<int:epoch>/release/confirm/", kill.confirm_release, name="kill-release-confirm"),
    path("postings/", postings.page, name="postings"),
    path("postings/export.csv", postings.export, name="postings-export"),
    path("find/", find.page, name="find"),
    path("health/", health.page, name="health"),
    path("health/live/", health.live, name="health-live"),
    path("keys/new/", keys.new, name="key-new"),
    path("keys/<slug:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path("me/", me.settings, name="me"),
]
