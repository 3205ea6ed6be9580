"""The import contracts bite: each planted violation is reported, and the tree as it is keeps them all."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINT = Path(sys.executable).with_name("lint-imports")

PLANTS = [
    ("Contexts depend downwards only", "mpac/pgw/services/planted.py", "import mpac.smarttab.api"),
    ("Contexts depend downwards only", "mpac/pgw/services/planted.py", "import mpac.portal.api"),
    ("Contexts depend downwards only", "mpac/portal/services/planted.py", "import mpac.pgw.api"),
    ("Contexts depend downwards only", "mpac/portal/services/planted.py", "import mpac.sync.handlers"),
    ("Contexts depend downwards only", "mpac/audit/services/planted.py", "import mpac.portal.api"),
    ("A context is entered through api", "mpac/smarttab/services/planted.py", "import mpac.pgw.models"),
    ("A context is entered through api", "mpac/smarttab/services/planted.py", "import mpac.portal.services"),
    ("A context is entered through api", "mpac/sync/services/planted.py", "import mpac.pgw.events"),
    ("A context is entered through api", "mpac/smarttab/handlers/planted.py", "import mpac.pgw.dto"),
    ("Inside a context", "mpac/pgw/models/planted.py", "import mpac.pgw.services"),
    ("Inside a context", "mpac/pgw/domain/planted.py", "import mpac.pgw.models"),
    ("Inside a context", "mpac/smarttab/services/planted.py", "import mpac.smarttab.rest"),
    ("Inside a context", "mpac/portal/rest/planted.py", "import mpac.portal.api"),
    ("Inside a context", "mpac/pgw/utils.py", "x = 1"),
    ("Inside a context", "mpac/smarttab/helpers.py", "x = 1"),
    ("config sees all, kernel sees nothing", "kernel/planted.py", "import mpac.pgw.api"),
    ("config sees all, kernel sees nothing", "mpac/pgw/services/planted.py", "import config.env"),
    ("The simulator knows MPAC from outside only", "simulator/planted.py", "import mpac.pgw.api"),
    ("The simulator shares no code", "simulator/planted.py", "import kernel.money"),
    ("Rules of money and state are plain Python", "mpac/pgw/domain/planted.py", "import django.db"),
    ("Rules of money and state are plain Python", "mpac/smarttab/domain/planted.py", "import psycopg"),
]


@pytest.fixture
def copy(tmp_path):
    """The tree's packages in a place of their own."""
    for name in ("config", "kernel", "mpac", "simulator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(place)},
    )


def test_the_tree_keeps_every_contract():
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout


def test_every_planted_violation_is_reported(copy):
    """Each in a module of its own, and named under its contract: that another one is reported does not help it."""
    planted = {}
    for number, (contract, path, code) in enumerate(PLANTS):
        plant = copy / path.replace("planted", f"planted_{number}")
        if not plant.parent.exists():
            plant.parent.mkdir(parents=True)
            (plant.parent / "__init__.py").touch()
        plant.write_text(code + "\n")
        module = ".".join(plant.relative_to(copy).with_suffix("").parts)
        # Of what is not ours the report names the package alone.
        imported = code.removeprefix("import ").replace("django.db", "django")
        planted[module] = (contract, f"- {module}\n" if code == "x = 1" else f"{module} -> {imported} (l.1)")
    found = lint(copy)
    assert found.returncode == 1
    parts = re.split(r"^(.+)\n-+\n", found.stdout.partition("Broken contracts")[2], flags=re.MULTILINE)
    broken = dict(zip(parts[1::2], parts[2::2], strict=True))
    missed = [
        (module, contract, line)
        for module, (contract, line) in planted.items()
        if not any(title.startswith(contract) and line in text for title, text in broken.items())
    ]
    assert missed == []
