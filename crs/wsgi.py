"""What does the web server serve? Loaded once by its master, before the workers fork: they share what they read."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crs.settings")
application = get_wsgi_application()

from crs import checks  # noqa: E402 — Django is set up one line above

checks.refuse_a_mighty_application()
assert get_resolver().url_patterns, "the pages are loaded now, not by the first request of each worker"
gc.freeze()  # what stands here is never collected: looking at it would copy it into every worker
