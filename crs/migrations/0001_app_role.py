from django.db import migrations

from crs.kernel.migrations import sql


class Migration(migrations.Migration):
    """The very first one, so that every later table falls under its default rights."""

    dependencies = []
    run_before = [("contenttypes", "0001_initial")]
    operations = [sql(__file__, "app_role")]
