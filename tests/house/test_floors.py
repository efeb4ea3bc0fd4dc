"""The floors of the house: imports go down only (docs: the plan of the house). Read from the source, so nothing has to run."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mixtrast

# From the ground up. A room imports rooms that stand further left or further down; names joined by a space stand side by side
# and do not see each other, except on the ground floor, whose files may use one another but not in a circle.
FLOORS = (
    ("algebra labels affinity partition precision checks draws spec registry version whole",),
    ("mixers views encoders",),
    ("methods domains",),
    ("recipe", "training", "evaluate", "analysis", "export"),
    ("papers report estimators", "run", "studies", "cli"),
)
RANK = {room: (floor, step) for floor, steps in enumerate(FLOORS) for step, rooms in enumerate(steps) for room in rooms.split()}
UNDER_THE_ALGEBRA = {
    "labels",
    "affinity",
    "partition",
    "precision",
    "checks",
    "draws",
}  # it uses these; they do not know it
NO_NAMES = {"util", "utils", "common", "helper", "helpers", "misc"}
OUTSIDE = {"mixtrast", "mixtrast.__main__"}  # the front door and `python -m mixtrast`: above all floors
HEAVY = ["sklearn", "lightning", "lightning_fabric", "matplotlib", "scipy", "pandas"]


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file, a package under its own name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, known: set[str]) -> set[str]:
    """Our modules that this one names in an import, wherever it stands in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
                base = ".".join([*here[: len(here) - node.level + 1], *([node.module] if node.module else [])])
            named = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in named:
            parts = name.split(".")
            if parts[0] == module.split(".")[0]:
                owners = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
                found.add(next((owner for owner in owners if owner in known), parts[0]))
    return found - {module}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One circle of imports, or nothing."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for target in sorted(edges.get(module, ())):
            if found := walk(target, [*path, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(edges) if (found := walk(module, []))), [])


def violations(root: Path) -> list[str]:
    """What is wrong with the house at `root`, one sentence each."""
    files, wrong = modules(root), []
    top = root.name
    folders = {".".join(module.split(".")[:n]) for module in files for n in range(1, module.count(".") + 1)}
    edges = {module: imports(module, path, folders | set(files)) for module, path in files.items()}
    for module, path in files.items():
        if module in OUTSIDE:
            continue
        if {part.strip("_") for part in module.split(".")} & NO_NAMES:
            wrong.append(f"{module}: is no name for a room")
        room = module.split(".")[1]
        if room not in RANK:
            wrong.append(f"{module}: stands on no floor")
            continue
        for target in sorted(edges[module]):
            other = target.split(".")[1] if target != top else ""
            if not other or target in OUTSIDE:
                wrong.append(f"{module}: goes in by the front door, import from the file instead")
            elif other == room or other not in RANK:
                continue
            elif room in UNDER_THE_ALGEBRA and other == "algebra":
                wrong.append(f"{module}: imports {target}, which stands on it")
            elif not (RANK[other] < RANK[room] or RANK[other][0] == RANK[room][0] == 0):
                wrong.append(f"{module}: imports {target}, which is not below it")
        if room == "report" and "torch" in outer_imports(path):
            wrong.append(f"{module}: imports torch, but reads records only")
    if found := circle({module: targets for module, targets in edges.items() if module not in OUTSIDE}):
        wrong.append(f"a circle: {' -> '.join(found)}")
    return wrong


def outer_imports(path: Path) -> set[str]:
    """First names of all that is imported."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


HOUSE = Path(mixtrast.__file__).parent


def test_imports_go_down_only():
    assert violations(HOUSE) == []


def test_the_walk_sees_the_house():
    files = modules(HOUSE)
    assert {"mixtrast", "mixtrast.algebra", "mixtrast.mixers", "mixtrast.mixers.cutmix"} <= set(files)
    seen = imports("mixtrast.mixers.cutmix", files["mixtrast.mixers.cutmix"], set(files))
    assert {"mixtrast.draws", "mixtrast.mixers._mixer"} <= seen
    assert "mixtrast.registry" in imports("mixtrast.mixers", files["mixtrast.mixers"], set(files))
    assert "torch" in outer_imports(files["mixtrast.algebra"])


def build(root: Path, files: dict[str, str]) -> Path:
    house = root / "mixtrast"
    for name, text in {"__init__.py": "from mixtrast import algebra", "algebra.py": "", "draws.py": "", **files}.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return house


GOOD = {
    "algebra.py": "import torch\nfrom mixtrast.checks import check",
    "checks.py": "import math",
    "registry.py": "",
    "mixers/__init__.py": "from mixtrast import registry\nfrom mixtrast.mixers._mixer import Mixer",
    "mixers/_mixer.py": "from mixtrast import draws\nfrom ..algebra import Mix",
    "mixers/cutmix.py": "from ._mixer import Mixer",
    "methods/imix.py": "from mixtrast.mixers import Mixer\nfrom mixtrast.algebra import contrast",
    "training/loop.py": "from mixtrast import methods, recipe",
    "recipe.py": "",
    "run.py": "from mixtrast import training, report",
    "report/page.py": "import json",
    "cli.py": "def main():\n    from mixtrast.run import run",
    "__main__.py": "from mixtrast.cli import main",
}

BAD = [
    ({"draws.py": "from mixtrast.algebra import Mix"}, "draws: imports mixtrast.algebra, which stands on it"),
    ({"draws.py": "from mixtrast.mixers import Mixer", "mixers/__init__.py": ""}, "draws: imports mixtrast.mixers"),
    ({"affinity.py": "def f():\n    from mixtrast.algebra import Mix"}, "affinity: imports mixtrast.algebra"),
    ({"affinity.py": "from mixtrast import partition", "partition.py": "from . import affinity"}, "a circle: "),
    ({"mixers/a.py": "from ..views import Crop", "views/__init__.py": ""}, "mixers.a: imports mixtrast.views"),
    ({"mixers/a.py": "from mixtrast.views.crop import Crop", "views/crop.py": ""}, "imports mixtrast.views.crop, which"),
    ({"mixers/a.py": "from . import b", "mixers/b.py": "from .a import A"}, "a circle: mixtrast.mixers.a -> mixtrast.mixers.b"),
    ({"views/a.py": "from mixtrast import Mix"}, "views.a: goes in by the front door"),
    ({"views/a.py": "import mixtrast as mt"}, "views.a: goes in by the front door"),
    ({"methods/a.py": "import mixtrast.domains.b", "domains/b.py": ""}, "methods.a: imports mixtrast.domains.b"),
    ({"recipe.py": "from mixtrast import training", "training/__init__.py": ""}, "recipe: imports mixtrast.training"),
    ({"training/a.py": "from mixtrast import run", "run.py": ""}, "training.a: imports mixtrast.run"),
    ({"report/a.py": "from mixtrast import papers", "papers/__init__.py": ""}, "report.a: imports mixtrast.papers"),
    ({"report/a.py": "import torch.nn"}, "report.a: imports torch"),
    ({"run.py": "from mixtrast import studies", "studies/__init__.py": ""}, "run: imports mixtrast.studies"),
    ({"extras.py": ""}, "extras: stands on no floor"),
    ({"mixers/_utils.py": ""}, "mixers._utils: is no name"),
    ({"common/a.py": ""}, "common.a: is no name"),
]


def test_a_good_house_passes(tmp_path):
    assert violations(build(tmp_path, GOOD)) == []


@pytest.mark.parametrize(("files", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_a_bad_house_is_caught(tmp_path, files, sentence):
    found = violations(build(tmp_path, files))
    assert any(sentence in wrong for wrong in found), found


def test_the_front_door_is_light():
    """`import mixtrast` brings torch and numpy, and none of what only some rooms need."""
    code = f"import sys, mixtrast; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
