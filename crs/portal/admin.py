"""How do the admin pages of Django and of the timetable look like ours? They are registered again, with our classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from approvals.rules.roles import Act
from crs.kernel import display
from crs.kernel.admin import AnyQuery, ReadOnlyAdmin
from crs.portal import permit

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

for model in (User, Group, ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


admin.site.login_template = "crs/login.html"


class _ByAdministrators(AnyQuery):
    """Everybody may look; only who may `Act.PEOPLE` changes anything."""

    def has_view_permission(self, request: HttpRequest, *_: object) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return permit.may(request, Act.PEOPLE)

    def has_change_permission(self, request: HttpRequest, *_: object) -> bool:
        return permit.may(request, Act.PEOPLE)

    def has_delete_permission(self, *_: object) -> bool:
        return False


@admin.register(User)
class PeopleAdmin(_ByAdministrators, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # unfold publishes no types
    """People and their roles. A person who leaves is made inactive, never deleted: the evidence names them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "roles", "is_active", "last_sign_in")
    list_filter = ("is_active", "groups")
    search_fields = ("username", "first_name", "last_name")
    list_fullwidth = True
    ordering = ("username",)
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Roles"), {"fields": ("is_active", "is_staff", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest):  # type: ignore[no-untyped-def]  # ANN: Django's own generic
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("Name"), ordering="first_name")
    def full_name(self, person: User) -> str:
        return person.get_full_name() or display.NOTHING

    @admin.display(description=_("Roles"))
    def roles(self, person: User) -> str:
        return ", ".join(permit.words(frozenset(group.name for group in person.groups.all()))) or display.NOTHING

    @admin.display(description=_("Last sign-in"), ordering="last_login")
    def last_sign_in(self, person: User) -> SafeString:
        return display.moment(person.last_login)


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """The roles of the permission matrix, made by a migration: read here, given on a person's page."""

    list_display = ("name",)
    fields = ("name",)


class TaskSelectWidget(UnfoldAdminSelectWidget, beat_admin.TaskSelectWidget):  # type: ignore[misc]  # no types
    """The choice among registered tasks, in our look."""


class TimetableForm(beat_admin.PeriodicTaskForm):  # type: ignore[misc]  # django-celery-beat publishes no types
    """A row of the timetable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "task" in self.fields:  # only who may change it gets fields at all
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
            self.fields["regtask"].widget = TaskSelectWidget()


@admin.register(PeriodicTask)
class TimetableAdmin(_ByAdministrators, beat_admin.PeriodicTaskAdmin, ModelAdmin):  # type: ignore[misc]  # no types
    """What runs when. Rows are doorbells: a missed one is rung again."""

    form = TimetableForm
    # The package's own page carries an inline script, which the policy refuses.
    change_form_template = None
    date_hierarchy = None
    list_display = ("name", "task", "every", "enabled", "last_run")
    list_filter = ("enabled", "queue")
    list_fullwidth = True
    list_filter_submit = True
    actions = ()

    @admin.display(description=_("Every"))
    def every(self, row: PeriodicTask) -> str:
        return display.duration(row.schedule.run_every.total_seconds()) if row.interval_id else str(row.scheduler)

    @admin.display(description=_("Last run"), ordering="last_run_at")
    def last_run(self, row: PeriodicTask) -> SafeString:
        return display.moment(row.last_run_at)


class _ScheduleAdmin(_ByAdministrators, ModelAdmin):  # type: ignore[misc]  # unfold publishes no types
    """The moments that rows of the timetable refer to."""

    list_fullwidth = True


admin.site.register((IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule), _ScheduleAdmin)
