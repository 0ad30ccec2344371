#!/usr/bin/env python3
"""Every command of CRS. `up`, `down` and `doctor` start before Django: on an empty folder it has no database yet.

`session` brings a stack of its own where none runs.
"""

import os
import sys


def main() -> int:
    from crs.stack import main as stack

    if len(sys.argv) > 1 and sys.argv[1] in stack.COMMANDS:
        return stack.run(sys.argv[1:])

    from crs.stack import once

    if sys.argv[1:2] == ["session"] and once.is_needed():
        return once.main(["manage.py", *sys.argv[1:]])

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crs.settings")
    from crs import command_line

    return command_line.run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
