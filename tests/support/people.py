"""Who has which role? People made for a test."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from crs.kernel.actor import Actor


def make_person(name: str, *roles: str) -> Actor:
    """Make an active person with these roles, and return them as an actor."""
    user: Any = get_user_model().objects.create_user(username=name, password=None)
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return Actor("person", name)
