from django.db import migrations

from crs.beat import make_timetable


class Migration(migrations.Migration):
    dependencies = [("crs", "0001_app_role"), ("django_celery_beat", "0019_alter_periodictasks_options")]
    operations = [migrations.RunPython(make_timetable, migrations.RunPython.noop)]
