from django.apps import AppConfig


class CrsConfig(AppConfig):
    name = "crs"

    def ready(self) -> None:
        """Load the Celery app, so that `shared_task` finds it in every process, and the receivers of sign-ins."""
        from crs import celery, signins  # noqa: F401, PLC0415 — the apps have to be loaded first
