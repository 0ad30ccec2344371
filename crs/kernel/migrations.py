"""How does plain SQL get into a migration? One file per invariant, named as the invariant."""

from __future__ import annotations

from pathlib import Path

from django.db import migrations


def sql(migration_file: str, name: str) -> migrations.RunSQL:
    """Return the operation that runs `sql/<name>.sql` beside the migration.

    A correction of a guard is a new file. A file of nothing but `CREATE OR REPLACE FUNCTION` and rights is edited, and
    the migration that brings the edit to older databases runs it again.
    """
    return migrations.RunSQL((Path(migration_file).parent / "sql" / f"{name}.sql").read_text(), migrations.RunSQL.noop)
