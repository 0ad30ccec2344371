import datetime

from django.db import migrations, models

from crs.kernel.migrations import sql


class Migration(migrations.Migration):
    """Bounds the moments that are told, and places anew what judges them and whoever releases."""

    dependencies = [
        ('approvals', '0005_release_functions'),
    ]

    operations = [
        *(sql(__file__, name) for name in ('evidence_body', 'record', 'release')),
        migrations.AddConstraint(
            model_name='killswitchevent',
            constraint=models.CheckConstraint(condition=models.Q(('at__gte', datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('at__lt', datetime.datetime(2200, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='killswitchevent_moment_is_plausible'),
        ),
    ]
