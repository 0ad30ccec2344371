"""What does the source promise that no linter checks?"""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

from tests.tidy.source import APPS, PACKAGES, ROOT, dotted, python, tracked, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES_MAX = 70
BANNED_NAMES = {"utils", "util", "common", "misc", "manager", "service", "base", "core", "helpers"}
BANNED_ALLOWED = {"crs/timescale/base.py"}  # Django's name for a database engine
# Statistics may be floats, and a float may stop trading; these files never size a posting.
FLOAT_ALLOWED = {
    "strategies/rules/performance.py",
    "guardian/rules/latency.py",
    "guardian/rules/drift.py",
}
MONEY_FLOORS = ("rules", "operations", "queries", "models")
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now", "timezone.localtime",
    "time.time", "time.time_ns", "clock.now",
}  # fmt: skip
# Trading slices and the local copy of halts measure durations; the moment itself is still an argument.
CLOCK_FREE_FLOORS = ("rules", "operations", "queries", "models")


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def offences(paths: list[Path], wrong: type[ast.AST] | tuple[type[ast.AST], ...], test: object) -> list[str]:
    assert callable(test)
    return [
        f"{path}:{node.lineno}"  # type: ignore[attr-defined]  # only nodes with a line are asked for
        for path in paths
        for node in ast.walk(tree(path))
        if isinstance(node, wrong) and test(node)
    ]


def test_contracts_name_every_package_that_exists() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    folders = {path.parts[0] for path in tracked() if path.name == "apps.py" and len(path.parts) == 2}
    floors = next(contract for contract in settings["contracts"] if "containers" in contract)
    assert set(settings["root_packages"]) == folders
    assert set(floors["containers"]) == folders - {"crs"}


def test_every_app_says_what_it_is_for() -> None:
    assert [app for app in APPS if not (ROOT / app / "README.md").exists()] == []


def test_package_inits_are_empty_except_where_django_looks_for_rows() -> None:
    """A package that imports its modules hides them, and `crs/__init__.py` would load Django into the stack."""
    full = [
        path
        for path in tracked()
        if path.name == "__init__.py" and path.parts[0] in PACKAGES and (ROOT / path).stat().st_size
    ]
    assert [str(path) for path in full if path.parent.name not in ("models", "admin")] == []


def test_module_names_say_what_is_inside() -> None:
    named = [path for path in python() if path.stem in BANNED_NAMES and str(path) not in BANNED_ALLOWED]
    assert [str(path) for path in named] == []


def test_modules_open_with_the_question_they_answer() -> None:
    """Django's own hooks (apps, wsgi, empty inits) need no question."""
    silent = [
        str(path)
        for path in python()
        if path.name not in ("__init__.py", "apps.py", "wsgi.py") and not ast.get_docstring(tree(path))
    ]
    assert silent == []


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{path}:{function.lineno} {function.name} ({function.end_lineno - function.lineno + 1} lines)"
        for path in [*python(), *python("tests")]
        for function in functions(tree(path))
        if function.end_lineno is not None and function.end_lineno - function.lineno + 1 > LINES_MAX
    ]
    assert long == []


def test_no_float_on_the_way_of_money() -> None:
    """A float literal, a call of float() or a true division of whole numbers would size a posting wrongly, silently."""
    paths = [
        path
        for path in [
            *python("ledger", "approvals", "execution", floors=MONEY_FLOORS),
            *python("strategies", "guardian", floors=("rules",)),
        ]
        if str(path) not in FLOAT_ALLOWED
    ]
    literals = offences(paths, ast.Constant, lambda node: isinstance(node.value, float))
    calls = offences(paths, ast.Call, lambda node: dotted(node.func) == "float")
    assert literals + calls == []


def test_only_the_entry_floor_reads_the_clock() -> None:
    paths = python(*APPS, floors=CLOCK_FREE_FLOORS)
    assert offences(paths, ast.Call, lambda node: any(dotted(node.func).endswith(name) for name in CLOCKS)) == []


def test_no_await_inside_a_transaction() -> None:
    """A transaction that waits for the network holds its locks as long as the network likes."""
    found = [
        f"{path}:{block.lineno}"
        for path in python()
        for block in ast.walk(tree(path))
        if isinstance(block, ast.With | ast.AsyncWith)
        and any("atomic" in ast.unparse(item.context_expr) for item in block.items)
        and any(isinstance(node, ast.Await) for node in ast.walk(block))
    ]
    assert found == []


def test_migrations_are_named_by_what_they_do() -> None:
    unnamed = [
        str(path)
        for path in tracked()
        if path.parent.name == "migrations" and re.fullmatch(r"\d{4}_(auto.*|initial.*|.*\d{6,}.*)", path.stem)
    ]
    assert unnamed == []


def test_every_exception_to_a_rule_gives_its_reason() -> None:
    """`# noqa: X` and `# type: ignore[x]` are followed by the reason, on the same line."""
    bare = [
        f"{path}:{number}"
        for path in [*python(), *python("tests")]
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if re.search(r"#\s*(noqa(:\s*[A-Z0-9, ]+)?|type:\s*ignore(\[[a-z, -]+\])?)\s*$", line)
    ]
    assert bare == []


def test_nothing_swallows_an_unknown_error() -> None:
    def swallows(node: ast.ExceptHandler) -> bool:
        return all(isinstance(line, ast.Pass | ast.Continue) for line in node.body) and (
            node.type is None or dotted(node.type) in ("Exception", "BaseException")
        )

    assert offences([*python(), *python("tests")], ast.ExceptHandler, swallows) == []


def test_no_promise_is_left_for_later() -> None:
    pattern = re.compile(r"#\s*(FIXME|XXX)\b|#\s*TODO(?!\()|NotImplementedError")
    found = [
        f"{path}:{number}"
        for path in [*python(), *python("tests")]
        if path.name != "test_source.py"
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_the_tree_names_no_machine() -> None:
    """No home folder, no registry: what is committed works anywhere."""
    machine = re.compile(
        r"(^|[^A-Za-z0-9_./-])/(root|home|work|Users)/[A-Za-z.]|--index[-]url|://[a-z.-]*(registry|pypi|mirror)[a-z.-]*"
    )
    texts = [
        path
        for path in tracked()
        if path.suffix
        in (".py", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".json", ".sql", ".html", ".js", ".css", "")
    ]
    found = [
        f"{path}:{number}"
        for path in texts
        if path.name != "test_source.py"
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        if machine.search(line)
    ]
    assert found == []


def test_no_file_holds_what_a_merge_left() -> None:
    marks = re.compile(rf"^({'<' * 7} |{'>' * 7} |{'=' * 7}$)", re.MULTILINE)
    texts = [
        path for path in tracked() if path.suffix in {".py", ".md", ".sql", ".toml", ".html", ".css", ".js", ".po"}
    ]
    assert [str(path) for path in texts if marks.search((ROOT / path).read_text())] == []
