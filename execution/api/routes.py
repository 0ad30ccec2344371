"""Which addresses under /api/v1/ are execution's?"""

from __future__ import annotations

from django.urls import path

from execution.api.blotter import FillsView, OrdersView
from execution.api.intents import ExplainView, IntentsView, IntentView

routes = [
    path("intents", IntentsView.as_view()),
    path("intents/explain", ExplainView.as_view()),
    path("intents/<int:pk>", IntentView.as_view()),
    path("orders", OrdersView.as_view()),
    path("fills", FillsView.as_view()),
]
