"""i-Mix and MixSupCon in your own training loop, on scikit-learn's scans of handwritten digits, with 10 labels a class.

    python examples/own_loop.py             about a minute on two cores

Only `imix` and `mixsupcon` use mixtrast; the rest is plain torch. At the end a logistic regression on the 100 labelled images
is tested on the features, on raw pixels, and on the features of the encoder before training.
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

EPOCHS, BATCH, SEEDS, LABELS = 60, 256, (10, 11, 12, 13, 14), 10  # the strength of the views was tuned on seeds 0 to 2
mixup, mask, noise = mt.mixers.Mixup(alpha=1.0, dominant=True), mt.views.Mask(p=0.3), mt.views.Noise(scale=0.5)
Objective = Callable[[nn.Module, Tensor, Tensor, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def imix(model: nn.Module, x1: Tensor, x2: Tensor, _: Tensor, __: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Loss and chance level of i-Mix: mixed first views against clean second views.

    Each example is its own class; class labels are not used.
    """
    identity = mt.Labels.of(torch.arange(len(x1)))
    mixed, mix = mixup(x1, generator)
    z, c = normalize(model(torch.cat([mixed, x2]))).chunk(2)
    return mt.contrast(z, c, identity.mix(mix), identity, temperature=0.2), mt.chance(identity.mix(mix), identity)


def mixsupcon(
    model: nn.Module, x1: Tensor, x2: Tensor, y: Tensor, index: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Loss and chance level of MixSupCon: view 1 of i is mixed with view 2 of j, and the other way; mixtures against mixtures.

    The label is the class. An unlabelled example (y = -1) is its own class, so missing labels need no extra code.
    """
    n = len(x1)
    partner = torch.cat([n + torch.randperm(n, generator=generator), torch.randperm(n, generator=generator)])
    pool, classes = torch.cat([x1, x2]), mt.Labels.of(y.repeat(2), instance=index.repeat(2))
    mixed, mix = mixup(pool, generator, parents=torch.stack([torch.arange(2 * n), partner], 1))
    z, labels, itself = normalize(model(mixed)), classes.mix(mix), torch.arange(2 * n)
    loss = mt.contrast(z, z, labels, labels, temperature=0.1, exclude=itself)
    return loss, mt.chance(labels, labels, exclude=itself)


def encoder(seed: int) -> nn.Sequential:
    """Encoder and projector."""
    torch.manual_seed(seed)
    hidden = [nn.Linear(64, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU()]
    return nn.Sequential(nn.Sequential(*hidden), nn.Linear(512, 128))


def train(objective: Objective, x: Tensor, y: Tensor, seed: int) -> nn.Sequential:
    """Encoder and projector, trained with one of the two losses."""
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
    """Test accuracy of logistic regression on the labelled images, regularised by cross-validation among them."""
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
    found: dict[str, list[float]] = {"raw pixels": [], "before training": [], "imix": [], "mixsupcon": []}
    for seed in SEEDS:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        test, rest = order[:500], order[500:]
        labelled = torch.cat([rest[classes[rest] == c][:LABELS] for c in range(10)])
        x = (images - images[rest].mean()) / images[rest].std()
        visible = torch.full_like(classes, -1)  # training may use the labels that the probe may use, and no others
        visible[labelled] = classes[labelled]
        models = {"before training": encoder(seed)}
        models |= {f.__name__: train(f, x[rest], visible[rest], seed) for f in (imix, mixsupcon)}
        found["raw pixels"].append(accuracy(lambda v: v, x, classes, labelled, test))
        for name, model in models.items():
            model.eval()
            with torch.no_grad():
                found[name].append(accuracy(model[0], x, classes, labelled, test))
    print(f"\nTest accuracy of a linear probe, {LABELS} labels a class, mean ± s.d. over {len(SEEDS)} seeds")
    for name, values in found.items():
        gains = [100 * (a - b) for a, b in zip(values, found["before training"], strict=True)]
        gain = f"   minus before training, paired over seeds: {statistics.mean(gains):+.1f} ± {statistics.stdev(gains):.1f}"
        line = f"  {name:<15} {100 * statistics.mean(values):5.1f} ± {100 * statistics.stdev(values):.1f}"
        print(line + (gain if name != "before training" else ""))
    print(f"{time.perf_counter() - start:.0f} s. Next: use `imix` or `mixsupcon` in your own loop; see README.md.")


if __name__ == "__main__":
    main()
