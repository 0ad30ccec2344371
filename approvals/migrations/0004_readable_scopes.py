from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0003_roles'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='killswitch',
            constraint=models.CheckConstraint(condition=models.Q(('scope_id__regex', '^([A-Za-z0-9#][A-Za-z0-9._#/@-]{0,63})?$')), name='killswitch_id_is_readable'),
        ),
        migrations.AddConstraint(
            model_name='mode',
            constraint=models.CheckConstraint(condition=models.Q(('scope_id__regex', '^([A-Za-z0-9#][A-Za-z0-9._#/@-]{0,63})?$')), name='mode_id_is_readable'),
        ),
    ]
