from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "crs.portal"
    label = "portal"
    verbose_name = "Portal"
