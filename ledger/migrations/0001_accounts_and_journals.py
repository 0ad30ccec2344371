import crs.kernel.fields
import django.db.models.deletion
from django.db import migrations, models

from crs.kernel.migrations import sql


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('approvals', '0001_desks_and_evidence'),
    ]

    operations = [
        sql(__file__, 'schema'),
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=12, unique=True)),
                ('decimals', models.PositiveSmallIntegerField()),
            ],
            options={
                'verbose_name': 'asset',
                'verbose_name_plural': 'assets',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9]+$')), name='asset_code_format'), models.CheckConstraint(condition=models.Q(('decimals__lte', 77)), name='asset_decimals_range')],
            },
        ),
        migrations.CreateModel(
            name='Journal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120)),
                ('digest', crs.kernel.fields.HashField(max_length=32)),
                ('kind', models.CharField(choices=[('TRADE', 'Trade'), ('COMMISSION', 'Commission'), ('SWAP_FEE', 'Swap fee'), ('TRANSFER', 'Transfer'), ('FUNDING', 'Funding'), ('ADJUSTMENT', 'Adjustment'), ('REVERSAL', 'Reversal')], max_length=16)),
                ('book', models.CharField(choices=[('LIVE', 'Live'), ('PAPER', 'Paper'), ('SHADOW', 'Shadow')], max_length=8)),
                ('occurred_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('memo', models.TextField(blank=True)),
                ('legs', models.SmallIntegerField()),
                ('actor', models.CharField(max_length=160)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.account')),
                ('desk', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.desk')),
                ('reverses', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='ledger.journal')),
            ],
            options={
                'verbose_name': 'journal',
                'verbose_name_plural': 'journals',
            },
        ),
        migrations.CreateModel(
            name='LedgerAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=96, unique=True)),
                ('type', models.CharField(choices=[('STRATEGY', 'Strategy'), ('VENUE', 'Venue cash'), ('PROTOCOL', 'Protocol'), ('GAS', 'Gas'), ('FEES', 'Fees'), ('BRIDGE_IN_TRANSIT', 'Bridge in transit'), ('FUND_POOL', 'Fund pool'), ('REWARD_INCOME', 'Reward income'), ('CONVERSION', 'Conversion'), ('EQUITY', 'Equity'), ('EXTERNAL', 'External'), ('SUSPENSE', 'Suspense'), ('ROUNDING', 'Rounding'), ('FOREIGN', 'Foreign')], max_length=20)),
                ('sub', models.CharField(blank=True, max_length=24)),
                ('book', models.CharField(choices=[('LIVE', 'Live'), ('PAPER', 'Paper'), ('SHADOW', 'Shadow')], max_length=8)),
                ('opened_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to='approvals.account')),
                ('desk', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.desk')),
            ],
            options={
                'verbose_name': 'ledger account',
                'verbose_name_plural': 'ledger accounts',
            },
        ),
        migrations.CreateModel(
            name='Balance',
            fields=[
                ('pk', models.CompositePrimaryKey('account', 'asset', blank=True, editable=False, primary_key=True, serialize=False)),
                ('units', crs.kernel.fields.BaseUnitsField()),
                ('asset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.asset')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='balances', to='ledger.ledgeraccount')),
            ],
            options={
                'verbose_name': 'balance',
                'verbose_name_plural': 'balances',
            },
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('pk', models.CompositePrimaryKey('journal', 'leg', blank=True, editable=False, primary_key=True, serialize=False)),
                ('leg', models.SmallIntegerField()),
                ('units', crs.kernel.fields.BaseUnitsField()),
                ('occurred_at', models.DateTimeField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='postings', to='ledger.ledgeraccount')),
                ('asset', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.asset')),
                ('journal', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='postings', to='ledger.journal')),
            ],
            options={
                'verbose_name': 'posting',
                'verbose_name_plural': 'postings',
            },
        ),
        migrations.AddIndex(
            model_name='journal',
            index=models.Index(fields=['account', 'id'], name='journal_account'),
        ),
        migrations.AddConstraint(
            model_name='journal',
            constraint=models.UniqueConstraint(fields=('key', 'book'), name='journal_key'),
        ),
        migrations.AddConstraint(
            model_name='journal',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses__isnull', False)), fields=('reverses',), name='journal_reversed_once'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('type__in', ['STRATEGY', 'VENUE', 'PROTOCOL', 'GAS', 'FEES', 'BRIDGE_IN_TRANSIT', 'FUND_POOL', 'REWARD_INCOME', 'CONVERSION', 'EQUITY', 'EXTERNAL', 'SUSPENSE', 'ROUNDING', 'FOREIGN'])), name='ledgeraccount_type_known'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9]+(-[A-Z0-9]+)*:[A-Z_]+(:[A-Z_]+)?$')), name='ledgeraccount_code_format'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.UniqueConstraint(fields=('account', 'type', 'sub'), name='ledgeraccount_account_type_sub'),
        ),
        migrations.AddIndex(
            model_name='posting',
            index=models.Index(fields=['account', 'asset', 'occurred_at'], name='posting_account_asset_occurred'),
        ),
        migrations.AddConstraint(
            model_name='posting',
            constraint=models.CheckConstraint(condition=models.Q(('units', 0), _negated=True), name='posting_units_nonzero'),
        ),
        sql(__file__, 'posting_append_only'),
        sql(__file__, 'account_fixed'),
        sql(__file__, 'journal_body'),
        sql(__file__, 'journal_refused'),
        sql(__file__, 'journal_stands'),
        sql(__file__, 'journal_stands_asked'),
        sql(__file__, 'journal_closed'),
        sql(__file__, 'posting_moves_balance'),
        sql(__file__, 'balance_guarded'),
        sql(__file__, 'post'),
        sql(__file__, 'post_many'),
        sql(__file__, 'rights'),
    ]
