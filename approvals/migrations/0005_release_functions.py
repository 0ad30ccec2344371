from django.db import migrations

from crs.kernel.migrations import sql


class Migration(migrations.Migration):
    """Places the functions that release anew: a database that ran 0002 earlier has older bodies of them."""

    dependencies = [("approvals", "0004_readable_scopes")]

    operations = [sql(__file__, "release")]
