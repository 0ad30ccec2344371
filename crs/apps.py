from django.apps import AppConfig


class CrsConfig(AppConfig):
    name = "crs"
