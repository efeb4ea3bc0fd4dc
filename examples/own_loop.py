"""i-Mix and MixSupCon in a training loop of one's own, on scikit-learn's scans of handwritten digits, with 10 labels a class.

    python examples/own_loop.py             about a minute on two cores

Everything that is mixtrast is in `imix` and `mixsupcon`; the rest is the reader's own loop. At the end a logistic regression
on the 100 labelled images says what the features are worth, beside the same on raw pixels and on the untrained encoder.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import normalize

import mixtrast as mt

EPOCHS, BATCH, SEEDS, LABELS = 60, 256, (10, 11, 12, 13, 14), 10  # the views' strength was chosen on seeds 0 to 2
mixup, mask, noise = mt.mixers.Mixup(alpha=1.0, dominant=True), mt.views.Mask(p=0.3), mt.views.Noise(scale=0.5)
Objective = Callable[[nn.Module, Tensor, Tensor, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def imix(model: nn.Module, x1: Tensor, x2: Tensor, _: Tensor, __: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mixed first views against clean second ones; the label is who you are. No class is looked at."""
    who = mt.Labels.of(torch.arange(len(x1)))
    mixed, mix = mixup(x1, generator)
    z, c = normalize(model(torch.cat([mixed, x2]))).chunk(2)
    return mt.contrast(z, c, who.mix(mix), who, temperature=0.2), mt.chance(who.mix(mix), who)


def mixsupcon(
    model: nn.Module, x1: Tensor, x2: Tensor, y: Tensor, index: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """View 1 of i mixed with view 2 of j, and the other way; mixtures against each other; the label is the class.

    An unlabelled row (y = -1) is a class of its own, so missing labels need nothing more.
    """
    n = len(x1)
    other = torch.cat([n + torch.randperm(n, generator=generator), torch.randperm(n, generator=generator)])
    pool, classes = torch.cat([x1, x2]), mt.Labels.of(y.repeat(2), instance=index.repeat(2))
    mixed, mix = mixup(pool, generator, parents=torch.stack([torch.arange(2 * n), other], 1))
    z, labels, itself = normalize(model(mixed)), classes.mix(mix), torch.arange(2 * n)
    loss = mt.contrast(z, z, labels, labels, temperature=0.1, exclude=itself)
    return loss, mt.chance(labels, labels, exclude=itself)


def encoder(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    hidden = [nn.Linear(64, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU()]
    return nn.Sequential(nn.Sequential(*hidden), nn.Linear(512, 128))  # features, projector


def train(objective: Objective, x: Tensor, y: Tensor, seed: int) -> nn.Sequential:
    model, generator = encoder(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(x), generator=generator).split(BATCH):
            if len(index) < BATCH:
                continue
            x1, x2 = (noise(mask(x[index], generator), generator) for _ in range(2))
            loss, chance = objective(model, x1, x2, y[index], index, generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    print(f"  {objective.__name__:<12} seed {seed}: last loss {loss.item():.2f}, chance level {chance.item():.2f}", flush=True)
    return model


def accuracy(features: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, labelled: Tensor, test: Tensor) -> float:
    """Logistic regression on the labelled images; its strength is chosen by cross-validation among them."""
    probe = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(Cs=10, cv=5, l1_ratios=(0,), max_iter=2000, scoring="accuracy", use_legacy_attributes=False),
    )
    probe.fit(features(x[labelled]).numpy(), y[labelled].numpy())
    return float(probe.score(features(x[test]).numpy(), y[test].numpy()))


def main() -> None:
    start = time.perf_counter()
    digits = load_digits()
    images, classes = torch.tensor(digits.data, dtype=torch.float32), torch.tensor(digits.target)
    found: dict[str, list[float]] = {"raw pixels": [], "untrained": [], "imix": [], "mixsupcon": []}
    for seed in SEEDS:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        test, rest = order[:500], order[500:]
        labelled = torch.cat([rest[classes[rest] == c][:LABELS] for c in range(10)])
        x = (images - images[rest].mean()) / images[rest].std()
        seen = torch.full_like(classes, -1)  # only the labels that the probe may see too
        seen[labelled] = classes[labelled]
        models = {"untrained": encoder(seed)} | {f.__name__: train(f, x[rest], seen[rest], seed) for f in (imix, mixsupcon)}
        found["raw pixels"].append(accuracy(lambda v: v, x, classes, labelled, test))
        for name, model in models.items():
            model.eval()
            with torch.no_grad():
                found[name].append(accuracy(model[0], x, classes, labelled, test))
    print(f"\nTest accuracy of a linear probe, {LABELS} labels a class, mean ± s.d. over {len(SEEDS)} seeds")
    for name, values in found.items():
        gains = [100 * (a - b) for a, b in zip(values, found["untrained"], strict=True)]
        gain = f"   over untrained, seed by seed {statistics.mean(gains):+.1f} ± {statistics.stdev(gains):.1f}"
        shown = f"  {name:<12} {100 * statistics.mean(values):5.1f} ± {100 * statistics.stdev(values):.1f}"
        print(shown + (gain if name != "untrained" else ""))
    print(f"{time.perf_counter() - start:.0f} s. Next: put `imix` or `mixsupcon` into your own loop; see README.md.")


if __name__ == "__main__":
    main()
