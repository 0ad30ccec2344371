from django.db import migrations, models


class Migration(migrations.Migration):
    """Intents, orders and fills are found by how a key or a venue's number begins, on every account."""

    dependencies = [("execution", "0002_fill_journal_and_latches")]

    operations = [
        migrations.AddIndex("fill", models.Index(fields=["deal"], name="fill_by_deal")),
        migrations.AddIndex("intent", models.Index(fields=["key"], name="intent_by_key")),
        migrations.AddIndex("order", models.Index(fields=["venue_order"], name="order_by_number")),
    ]
