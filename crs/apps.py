from django.apps import AppConfig


class CrsConfig(AppConfig):
    name = "crs"

    def ready(self) -> None:
        """Load the Celery app (for `shared_task`), our checks and the receivers of sign-ins, in every process."""
        from crs import celery, checks, signins  # noqa: F401, PLC0415 — the apps have to be loaded first
