import crs.kernel.fields
import django.db.models.deletion
from django.db import migrations, models

from crs.kernel.migrations import sql


class Migration(migrations.Migration):

    initial = True

    dependencies = [("crs", "0001_app_role")]

    operations = [
        sql(__file__, 'schema'),
        migrations.CreateModel(
            name='Desk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=32, unique=True)),
                ('name', models.CharField(max_length=80)),
                ('base_currency', models.CharField(default='USD', max_length=12)),
                ('opened_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'desk',
                'verbose_name_plural': 'desks',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9]+(-[A-Z0-9]+)*$')), name='desk_code_format')],
            },
        ),
        migrations.CreateModel(
            name='Venue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=32, unique=True)),
                ('name', models.CharField(max_length=80)),
                ('kind', models.CharField(choices=[('PAPER', 'Paper gateway'), ('MT5', 'MetaTrader 5'), ('HOUSE', 'The desk itself')], max_length=8)),
            ],
            options={
                'verbose_name': 'venue',
                'verbose_name_plural': 'venues',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9]+(-[A-Z0-9]+)*$')), name='venue_code_format'), models.CheckConstraint(condition=models.Q(('kind__in', ['PAPER', 'MT5', 'HOUSE'])), name='venue_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('role', models.CharField(max_length=63)),
                ('actor_kind', models.CharField(max_length=8)),
                ('actor', models.CharField(max_length=150)),
                ('action', models.CharField(max_length=80)),
                ('subject_kind', models.CharField(max_length=80)),
                ('subject_id', models.CharField(max_length=80)),
                ('reason', models.TextField(default='')),
                ('request_id', models.CharField(default='', max_length=64)),
                ('ip', models.GenericIPAddressField(null=True)),
                ('login', models.CharField(default='', max_length=64)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('facts', models.JSONField(null=True)),
                ('body', models.BinaryField()),
                ('leaf', crs.kernel.fields.HashField(editable=False, max_length=32)),
                ('desk', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='approvals.desk')),
            ],
            options={
                'verbose_name': 'audit event',
                'verbose_name_plural': 'audit events',
                'indexes': [models.Index(condition=models.Q(('subject_kind', 'ledger.journal'), _negated=True), fields=['subject_kind', 'subject_id'], name='auditevent_subject')],
            },
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=48, unique=True)),
                ('book', models.CharField(choices=[('LIVE', 'Live'), ('PAPER', 'Paper'), ('SHADOW', 'Shadow')], max_length=8)),
                ('login', models.CharField(blank=True, max_length=64)),
                ('server', models.CharField(blank=True, max_length=128)),
                ('trade_mode', models.CharField(choices=[('DEMO', 'Demo'), ('CONTEST', 'Contest'), ('REAL', 'Real')], max_length=8)),
                ('margin_mode', models.CharField(choices=[('HEDGING', 'Hedging'), ('NETTING', 'Netting')], max_length=8)),
                ('currency', models.CharField(max_length=12)),
                ('timezone', models.CharField(default='UTC', max_length=64)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('desk', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='accounts', to='approvals.desk')),
                ('venue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='accounts', to='approvals.venue')),
            ],
            options={
                'verbose_name': 'venue account',
                'verbose_name_plural': 'venue accounts',
                'constraints': [models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9]+(-[A-Z0-9]+)*$')), name='account_code_format'), models.CheckConstraint(condition=models.Q(('book__in', ['LIVE', 'PAPER', 'SHADOW'])), name='account_book_known'), models.CheckConstraint(condition=models.Q(('trade_mode__in', ['DEMO', 'CONTEST', 'REAL'])), name='account_trade_mode_known'), models.CheckConstraint(condition=models.Q(('margin_mode__in', ['HEDGING', 'NETTING'])), name='account_margin_mode_known'), models.CheckConstraint(condition=models.Q(models.Q(('book', 'LIVE'), ('trade_mode', 'REAL')), models.Q(models.Q(('book', 'LIVE'), _negated=True), models.Q(('trade_mode', 'REAL'), _negated=True)), _connector='OR'), name='account_live_is_real'), models.CheckConstraint(condition=models.Q(('closed_at', None), ('closed_at__gte', models.F('opened_at')), _connector='OR'), name='account_closed_after_opened'), models.UniqueConstraint(condition=models.Q(('login', ''), _negated=True), fields=('venue', 'server', 'login'), name='account_login'), models.UniqueConstraint(fields=('id', 'desk', 'book'), name='account_desk_book')],
            },
        ),
        sql(__file__, 'desk_identity_fixed'),
        sql(__file__, 'evidence_append_only'),
        sql(__file__, 'evidence_body'),
        sql(__file__, 'evidence_leaf'),
        sql(__file__, 'record'),
    ]
