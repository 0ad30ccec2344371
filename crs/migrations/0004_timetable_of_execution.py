from django.db import migrations

from crs.beat import make_timetable


class Migration(migrations.Migration):
    dependencies = [("crs", "0003_trading_timetable")]
    operations = [migrations.RunPython(make_timetable, migrations.RunPython.noop)]
