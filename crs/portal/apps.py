from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy

OURS = ("approvals", "ledger", "guardian", "execution", "strategies")


class PortalConfig(AppConfig):
    name = "crs.portal"
    label = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Let columns be named in the reader's language: models state their names in plain English (words.FIELDS).

        Migrations look at what a model states and not at this, so they stay the same in every language.
        """
        for app in OURS:
            for model in apps.get_app_config(app).get_models():
                for field in model._meta.concrete_fields:
                    field.verbose_name = gettext_lazy(str(field.verbose_name))
