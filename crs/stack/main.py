"""Which commands run before Django, and what do they do?"""

COMMANDS: tuple[str, ...] = ()


def run(arguments: list[str]) -> int:
    """Run one of `COMMANDS`; returns its exit code."""
    raise AssertionError(arguments)
