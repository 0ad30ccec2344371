"""Which page stands where?"""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from approvals import api as approvals_api
from crs import health
from crs.api import views
from crs.portal.urls import routes as portal
from execution.api.routes import routes as execution_routes
from ledger.api import views as ledger_api
from strategies import api as strategies_api
from strategies import queries as strategies_queries

api_v1 = [
    path("time", views.TimeView.as_view()),
    *approvals_api.routes,
    path("kill-switch/trigger", approvals_api.KillSwitchTriggerView.as_view(is_known=strategies_queries.is_known)),
    *execution_routes,
    *ledger_api.routes,
    *strategies_api.routes,
]
urlpatterns = [
    *portal,
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/", include(api_v1)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^api/", views.nothing_here),
]
handler400 = "crs.api.problems.bad_request"
handler500 = "crs.api.problems.server_error"
