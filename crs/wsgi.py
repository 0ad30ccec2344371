import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crs.settings")
application = get_wsgi_application()

from crs import checks  # noqa: E402 — Django is set up one line above

checks.refuse_a_mighty_application()
