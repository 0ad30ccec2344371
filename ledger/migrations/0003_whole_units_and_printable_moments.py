from django.db import migrations

from crs.kernel.migrations import sql


class Migration(migrations.Migration):
    """Places the functions of posting anew: a database that ran 0001 earlier has older bodies of them."""

    dependencies = [("ledger", "0002_deals_marks_reconciliations")]

    operations = [sql(__file__, name) for name in ("journal_refused", "journal_stands", "post", "post_many")]
