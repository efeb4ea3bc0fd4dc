"""Scores that the runs of a comparison share: computed once, whichever run is first, and equal to a run's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mixtrast import evaluation, registry, run
from mixtrast.evaluation import Features
from mixtrast.records import Results, Score, read_results
from mixtrast.run.probe_cache import ProbeCache


def test_two_runs_may_store_the_same_at_once_and_what_is_damaged_is_computed_again(tmp_path):
    folder, rng = tmp_path / "cache", np.random.default_rng(0)
    parts = {"train": np.arange(6) % 2, "test": np.arange(4) % 2}
    some = [Features.of(**{name: (rng.normal(size=(len(y), 2)), y) for name, y in parts.items()}, classes=2) for _ in range(40)]

    def score(at: int, value: float, cache: ProbeCache) -> float:
        return cache.score("knn", 0, some[at], lambda: Score({"accuracy": value})).values["accuracy"]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: score(at // 4, at // 4, ProbeCache(folder)), range(160)))
    assert found == [at // 4 for at in range(160)]
    names = list(folder.iterdir())
    assert len(names) == 40
    names[0].write_text("{")
    assert sum(score(at, -1, ProbeCache(folder)) == -1 for at in range(40)) == 1
    assert score(0, 7, ProbeCache(Path("/proc/nowhere"))) == 7  # cannot be stored: no reason to fail


def test_probes_that_runs_share_are_made_once(here, monkeypatch):
    """Of the raw input and the untrained encoder, by what they are probed on; of the trained one never."""
    cache = here / "cache"

    def results(method: str, out: str, seed: int = 0, probe_cache: Path | None = cache) -> Results:
        settings = {"data": {"label": "kind"}, "encoder": {"name": "mlp", "widths": [8]}, "training": {"steps": 3}}
        settings |= {"method": method, "evaluation": "knn+linear", "seed": seed}
        claimed = run.claim(settings, "trees.csv", None, out=out, resume=False)
        done = claimed.execute(quiet=True, maps=False, say=lambda text: None, probe_cache=probe_cache)
        return read_results(done.folder)

    alone = {name: results(name, f"alone/{name}", probe_cache=None) for name in ("simclr", "npair")}
    made: list[str] = []
    for name in ("knn", "linear"):
        kind = registry.find(evaluation, name)
        call = kind.__call__
        monkeypatch.setattr(
            kind, "__call__", lambda self, *a, call=call, name=name, **k: made.append(name) or call(self, *a, **k)
        )
    for name, wanted in alone.items():
        found = results(name, f"shared/{name}")
        for probe in ("knn", "linear"):
            for row in ("trained", "untrained", "raw", "majority"):
                assert found.probes[probe][row].values == wanted.probes[probe][row].values
    assert len(list(cache.iterdir())) == 4
    before = len(made)
    results("imix", "shared/imix")
    assert [name for name in made[before:] if name == "linear"] == ["linear"]  # of the trained encoder alone
    results("imix", "shared/other", seed=1)
    assert len(list(cache.iterdir())) == 8  # another split
