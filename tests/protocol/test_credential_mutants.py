"""Each check of a credential is taken out in turn, and the tests must notice.

A check is a statement that refuses: a `raise` or the `yield` of a fault is taken out of
a copy of the package, a `return False` becomes `return True`; the tests of that module
then run against the copy.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    "securing/jose.py": ("test_jose.py", "test_model.py", "test_presentations.py"),
    "securing/cose.py": ("test_cose.py",),
    "securing/sd_jwt_vcdm.py": ("test_sd_jwt_vcdm.py",),
    "securing/data_integrity.py": (
        "test_data_integrity.py",
        "test_data_integrity_graphs.py",
        "test_verification.py",
    ),
    "securing/legacy.py": ("test_vcdm11.py", "test_hostile_review.py"),
    "identity/keys.py": ("test_keys.py", "test_wycheproof.py"),
    "credentials/form.py": ("test_form.py",),
    "credentials/related_resources.py": ("test_form.py",),
    "credentials/presentations.py": (
        "test_presentations.py",
        "test_hostile_review.py",
    ),
    "credentials/enveloping.py": ("test_model.py", "test_presentations.py"),
}
EQUIVALENT = {
    # The next statement refuses it, in other words.
    (
        "securing/cose.py",
        "raise SecuringError('a COSE kid that is no text') from error",
    ),
    # What the curve's own reader refuses as well.
    ("identity/keys.py", "raise ValueError('a compressed point is expected')"),
}


def refuses(node):
    if isinstance(node, ast.Raise):
        return node.exc is not None
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Yield | ast.YieldFrom)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant):
        return node.value.value is False
    return False


def checks(module):
    """Yield each check of a module: its line and text."""
    tree = ast.parse((ROOT / "protocol" / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if refuses(node) and (module, ast.unparse(node)) not in EQUIVALENT:
            yield node.lineno, ast.unparse(node)


def without(source, line):
    """Return the source with the check on that line taken out."""

    class Remover(ast.NodeTransformer):
        def visit(self, node):
            if getattr(node, "lineno", None) == line and refuses(node):
                put = ast.Pass()
                if isinstance(node, ast.Return):
                    put = ast.Return(ast.Constant(value=True))
                return ast.copy_location(put, node)
            return self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Remover().visit(ast.parse(source))))


CASES = [(module, *check) for module in MODULES for check in checks(module)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutant")
    shutil.copytree(ROOT / "protocol", folder / "protocol")
    return folder


@pytest.mark.checks
@pytest.mark.parametrize(
    ("module", "line", "text"), CASES, ids=[f"{m}:{n}" for m, n, _ in CASES]
)
def test_a_check_that_is_taken_out_is_noticed(copy, module, line, text):
    original = (ROOT / "protocol" / module).read_text(encoding="utf-8")
    (copy / "protocol" / module).write_text(without(original, line), encoding="utf-8")
    files = [str(ROOT / "tests" / "protocol" / name) for name in MODULES[module]]
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    try:
        run = subprocess.run(  # noqa: S603 - our own tests
            [Path(sys.executable).with_name("pytest"), *options, *files],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        (copy / "protocol" / module).write_text(original, encoding="utf-8")
    assert run.returncode == 1, f"{module}:{line} may go unnoticed: {text}"
