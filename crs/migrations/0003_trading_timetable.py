from django.db import migrations

from crs.beat import make_timetable


class Migration(migrations.Migration):
    """Sessions that nobody trades are rung for each second."""

    dependencies = [("crs", "0002_timetable")]
    operations = [migrations.RunPython(make_timetable, migrations.RunPython.noop)]
