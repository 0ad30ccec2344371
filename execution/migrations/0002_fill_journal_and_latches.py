from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):
    """A fill names its journal; a gateway's latch has a row. No fill exists before its journal can."""

    dependencies = [
        ("execution", "0001_intents_orders_fills"),
        ("ledger", "0001_accounts_and_journals"),
    ]

    operations = [
        migrations.AddField(
            model_name="fill",
            name="journal",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.journal"),
        ),
        migrations.CreateModel(
            name="AccountHistory",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="approvals.account",
                    ),
                ),
                ("complete_through", models.DateTimeField(help_text="venue clock")),
                ("adopted_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="GatewayLatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway_id", models.CharField(max_length=40)),
                ("scope", models.CharField(max_length=80)),
                ("epoch", models.BigIntegerField()),
                ("state", models.CharField(choices=[("ENGAGED", "ENGAGED"), ("SAFE", "SAFE")], max_length=8)),
                ("positions", models.CharField(choices=[("KEEP", "KEEP"), ("CLOSE", "CLOSE")], max_length=8)),
                ("told_at", models.DateTimeField()),
                ("flat_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("gateway_id", "scope"), name="gatewaylatch_once")],
            },
        ),
    ]
