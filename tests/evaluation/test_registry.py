"""The names of the evaluations, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mixtrast import evaluation


def test_the_room():
    assert evaluation.names() == ["boosting", "convolutions", "dabs", "finetune", "knn", "labels", "linear"]
    assert {"KNN", "Labels", "Linear", "Features", "FeatureSplit", "majority", "get"} <= set(dir(evaluation))
    assert isinstance(evaluation.get("linear"), evaluation.Linear)
    assert repr(evaluation.KNN(neighbours=5)) == "KNN(neighbours=(5,), temperature=0.1)"
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        evaluation.get("liner")
    with pytest.raises(TypeError, match="Its options are: neighbours, temperature"):
        evaluation.get("knn", k=5)


def test_the_room_is_light():
    code = "import sys; from mixtrast.evaluation import get; get('linear'), get('labels'), get('knn'); "
    code += "print([name for name in ('sklearn', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
