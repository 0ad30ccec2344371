"""Which page stands where?"""

from django.contrib import admin
from django.urls import path

from crs import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/time", health.time),
]
