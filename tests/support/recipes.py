"""Recipes, and summaries of data that they are decided for."""

from __future__ import annotations

from typing import Any

import pytest

from mixtrast.recipe import DataSummary, Recipe, RecipeError, Request, check, decide
from mixtrast.spec import Image, Series, Table

VIEWS = {"mask": {"p": 0.1}, "noise": {"scale": 0.3}}
LABELLED = DataSummary(Table(9), rows=1_000, labelled=1_000, classes=3, views=VIEWS)
NO_LABELS = DataSummary(Image(1, 8, 8), rows=1_000, labelled=0, classes=0, views=VIEWS)
FEW_LABELS = DataSummary(Series(2, 30), rows=1_000, labelled=100, classes=3, views={})
SUMMARIES = {"labels": LABELLED, "no labels": NO_LABELS, "few labels": FEW_LABELS}


def checked(**sections: Any) -> Request:
    return check(sections)


def decided(summary: DataSummary = LABELLED, **sections: Any) -> Recipe:
    return decide(checked(**sections), summary)


def problems(summary: DataSummary = LABELLED, **sections: Any) -> list[str]:
    with pytest.raises(RecipeError) as error:
        decided(summary, **sections)
    assert all(problem in str(error.value) for problem in error.value.problems)
    return error.value.problems


def one_problem(summary: DataSummary = LABELLED, **sections: Any) -> str:
    (problem,) = problems(summary, **sections)
    return problem
