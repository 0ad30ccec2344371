import crs.kernel.fields
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

from crs.kernel.migrations import sql


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0001_desks_and_evidence'),
        ('ledger', '0001_accounts_and_journals'),
    ]

    operations = [
        migrations.CreateModel(
            name='Break',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(max_length=16)),
                ('deal', models.BigIntegerField()),
                ('field', models.CharField(max_length=24)),
                ('book', models.CharField(blank=True, max_length=160)),
                ('venue', models.CharField(blank=True, max_length=160)),
                ('is_tolerated', models.BooleanField(default=False)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.account')),
            ],
            options={
                'verbose_name': 'break',
                'verbose_name_plural': 'breaks',
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('account', 'deal', 'field'), name='break_open_once'), models.CheckConstraint(condition=models.Q(('verdict__in', ['MATCH', 'MISMATCH', 'BOOK_ONLY', 'VENUE_ONLY', 'VENUE_INITIATED', 'CASH'])), name='break_verdict_known'), models.CheckConstraint(condition=models.Q(('closed_at', None), ('closed_at__gte', models.F('opened_at')), _connector='OR'), name='break_closed_after_opened')],
            },
        ),
        migrations.CreateModel(
            name='Deal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('deal', models.BigIntegerField()),
                ('order', models.BigIntegerField()),
                ('position_id', models.BigIntegerField()),
                ('entry', models.CharField(max_length=8)),
                ('type', models.CharField(max_length=24)),
                ('reason', models.CharField(max_length=24)),
                ('symbol', models.CharField(blank=True, max_length=32)),
                ('volume', crs.kernel.fields.BaseUnitsField()),
                ('price', models.DecimalField(decimal_places=12, max_digits=36)),
                ('profit', crs.kernel.fields.BaseUnitsField()),
                ('commission', crs.kernel.fields.BaseUnitsField()),
                ('fee', crs.kernel.fields.BaseUnitsField()),
                ('swap', crs.kernel.fields.BaseUnitsField()),
                ('notional', crs.kernel.fields.BaseUnitsField()),
                ('magic', models.BigIntegerField()),
                ('is_foreign', models.BooleanField(default=False)),
                ('occurred_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.account')),
                ('base_asset', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
                ('journal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deals', to='ledger.journal')),
            ],
            options={
                'verbose_name': 'deal',
                'verbose_name_plural': 'deals',
                'indexes': [models.Index(fields=['account', 'position_id'], name='deal_position')],
                'constraints': [models.UniqueConstraint(fields=('account', 'deal'), name='deal_once'), models.CheckConstraint(condition=models.Q(('entry__in', ['IN', 'OUT', 'INOUT', 'OUT_BY', 'NONE'])), name='deal_entry_known'), models.CheckConstraint(condition=models.Q(('type__in', ['BUY', 'SELL', 'BALANCE', 'CREDIT', 'BONUS', 'CHARGE', 'COMMISSION', 'COMMISSION_DAILY', 'COMMISSION_MONTHLY', 'TAX', 'INTEREST', 'DIVIDEND', 'CORRECTION'])), name='deal_type_known'), models.CheckConstraint(condition=models.Q(models.Q(('base_asset__isnull', False), ('notional__gt', 0), ('type__in', ['BUY', 'SELL']), ('volume__gt', 0)), models.Q(('type__in', ['BUY', 'SELL']), _negated=True), _connector='OR'), name='deal_trade_has_volume')],
            },
        ),
        migrations.CreateModel(
            name='NavMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('venue_at', models.DateTimeField()),
                ('cash', crs.kernel.fields.BaseUnitsField()),
                ('unrealised', crs.kernel.fields.BaseUnitsField()),
                ('swap_accrued', crs.kernel.fields.BaseUnitsField()),
                ('nav', crs.kernel.fields.BaseUnitsField()),
                ('flows', crs.kernel.fields.BaseUnitsField()),
                ('positions', models.PositiveIntegerField()),
                ('marks', models.JSONField()),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.account')),
                ('currency', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
            ],
            options={
                'verbose_name': 'NAV mark',
                'verbose_name_plural': 'NAV marks',
                'indexes': [models.Index(fields=['account', 'at'], name='navmark_account_at')],
                'constraints': [models.CheckConstraint(condition=models.Q(('nav', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('cash'), '+', models.F('unrealised')), '+', models.F('swap_accrued')))), name='navmark_adds_up')],
            },
        ),
        migrations.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('since', models.DateTimeField(null=True)),
                ('complete_through', models.DateTimeField()),
                ('matched', models.PositiveIntegerField()),
                ('mismatched', models.PositiveIntegerField()),
                ('book_only', models.PositiveIntegerField()),
                ('venue_only', models.PositiveIntegerField()),
                ('venue_initiated', models.PositiveIntegerField()),
                ('cash_book', crs.kernel.fields.BaseUnitsField()),
                ('cash_venue', crs.kernel.fields.BaseUnitsField()),
                ('is_ok', models.BooleanField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.account')),
            ],
            options={
                'verbose_name': 'reconciliation',
                'verbose_name_plural': 'reconciliations',
                'constraints': [models.CheckConstraint(condition=models.Q(('is_ok', False), models.Q(('book_only', 0), ('cash_book', models.F('cash_venue')), ('is_ok', True), ('mismatched', 0), ('venue_only', 0)), _connector='OR'), name='reconciliation_ok_means_no_difference')],
            },
        ),
        sql(__file__, 'deal_append_only'),
        sql(__file__, 'navmark_append_only'),
    ]
