"""Draw two digits and their mixture by each mixer, with its realised mixing weight λ: the share of the first digit.

python examples/mixtures.py [FILE]      needs matplotlib; writes docs/images/mixtures.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import torch
from sklearn.datasets import load_digits

import mixtrast as mt

mpl.use("Agg")
import matplotlib.pyplot as plt

PAIRS, SEED = [(0, 1), (12, 3), (24, 36)], 1765  # with this seed both digits are visible in every mixture


def main(path: Path) -> None:
    images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16  # (1797,1,8,8)
    images = torch.nn.functional.interpolate(images, (32, 32), mode="bilinear")  # so that boxes and patches are visible
    parents = torch.tensor(PAIRS)
    rows = {
        name: mt.mixers.get(name)(images, torch.Generator().manual_seed(SEED), parents=parents) for name in mt.mixers.names()
    }
    figure, axes = plt.subplots(len(PAIRS), 2 + len(rows), figsize=(9, 4.8), layout="constrained")
    for line, pair in zip(axes, PAIRS, strict=True):
        for axis, example in zip(line, pair, strict=False):
            axis.imshow(images[example, 0], cmap="gray_r", vmin=0, vmax=1)
        for axis, (mixed, mix) in zip(line[2:], rows.values(), strict=True):
            i = PAIRS.index(pair)
            axis.imshow(mixed[i, 0], cmap="gray_r", vmin=0, vmax=1)
            axis.set_xlabel(f"λ = {mix.weight[i, 0]:.2f}", fontsize=9)
    for axis, name in zip(axes[0], ["first", "second", *rows], strict=True):
        axis.set_title(name, fontsize=11)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs/images/mixtures.png")
