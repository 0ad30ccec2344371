from django.db import migrations

# The roles as they were when this was written; a new role is a new migration.
ROLES = ("viewer", "operator", "risk", "finance", "security", "administrator")


def make_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    for role in ROLES:
        groups.get_or_create(name=role)


class Migration(migrations.Migration):

    dependencies = [("approvals", "0002_keys_halts_and_limits"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
