"""The pages of results: every command is understood, and every grid they print is the one in the folder."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from mixtrast import recipe
from support.commands import parsed
from support.comparisons import grid
from support.repository import ROOT

FOLDER = ROOT / "docs/results"
PAGES = sorted(FOLDER.glob("*.md"))


def commands(program: str) -> list[tuple[str, str]]:
    """The commands of all pages that begin so, in fences and in the text: the page and the words."""
    found = []
    for page in PAGES:
        fence = re.compile(r"^```\w*\n(.*?)^```$", re.S | re.M)
        text = page.read_text()
        lines = [line for block in fence.findall(text) for line in block.splitlines()]
        lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", fence.sub("", text))]
        found += [(page.stem, line.partition("#")[0].strip()) for line in lines if line.startswith(f"{program} ")]
    return found


@pytest.mark.parametrize(("page", "line"), commands("mixtrast"))
def test_the_commands_of_the_results_are_understood(page, line):
    words = [str(FOLDER / "grids" / word) if word.endswith(".yaml") else word for word in shlex.split(line)[1:]]
    if words[0] == "compare":
        found = grid(*words)
        assert found.problems == ()  # each configuration has passed the check of a recipe
        assert found.configurations
    else:
        assert words[0] == "train"
        call = parsed(*words)
        assert call.arguments.data
        recipe.check(recipe.sections(call.values()))


def test_the_pages_have_commands():
    pages = {page for program in ("mixtrast", "python", "make") for page, _ in commands(program)}
    assert pages == {page.stem for page in PAGES} - {"README"}


@pytest.mark.parametrize(("page", "line"), commands("python"))
def test_the_flags_of_the_benchmarks_exist(page, line):
    source = (ROOT / shlex.split(line)[1]).read_text()
    for flag in re.findall(r"--[\w-]+", line):
        assert f'"{flag}"' in source, flag


@pytest.mark.parametrize("name", ["cifar10", "covtype", "digits"])
def test_a_printed_grid_is_that_of_the_folder(name):
    (block,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / f"{name}.md").read_text(), re.S)
    printed, stored = yaml.safe_load(block), yaml.safe_load((FOLDER / f"grids/{name}.yaml").read_text())
    assert {key: stored[key] for key in printed} == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (FOLDER / target).exists(), target
