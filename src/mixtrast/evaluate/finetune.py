from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mixtrast import draws
from mixtrast.encoders import Encoder
from mixtrast.evaluate._evaluation import Array, check_count, check_grid, scores, statistics
from mixtrast.evaluate._examples import Examples, OfExamples, check_rate, device_of, features

FEATURES = 256  # examples at a time without a gradient


class FineTune(OfExamples):
    """All weights go on learning, with labels: what the encoder is worth as a beginning.

        p = softmax(W (f(x) - m) / s + b),  m and s of the training features before,  W = 0 and b = 0 before

    The untrained row is the same network trained from its first weights: what labels alone give. Learning rate and epoch are
    chosen by accuracy (r²) on the validation split, without one on a fifth of train held out. Examples are seen as they are,
    without views. Only where it is named: --evaluation linear+knn+finetune.

    Args:
        rates: learning rates of AdamW, which fall to 0 along half a cosine.
        epochs: passes over the training rows.
        batch: examples of a step.
        decay: of the weights.

    Returns (when called): the scores of test; val_accuracy or val_r2; chosen {"lr", "epoch"}; chosen_by; at_edge.

    Reference: Girshick et al., R-CNN, 2014, arXiv:1311.2524 (supervised); Erhan et al., JMLR 11, 2010 (unsupervised).
    """

    rows: ClassVar[tuple[str, ...]] = ("trained", "untrained")

    def __init__(
        self, *, rates: tuple[float, ...] = (1e-4, 1e-3), epochs: int = 20, batch: int = 128, decay: float = 1e-4
    ) -> None:
        self.rates = check_grid("FineTune", "rates", rates)
        self.epochs = check_count("FineTune", "epochs", epochs)
        self.batch = check_count("FineTune", "batch", batch)
        self.decay = check_rate("FineTune", "decay", decay)

    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> dict[str, Any]:
        assert encoder is not None
        examples = examples.validated(seed)
        metric = "accuracy" if examples.classes else "r2"
        truth = examples.truth(examples.val)
        best: tuple[float, float, int, dict[str, Tensor]] | None = None
        for rate in self.rates:
            network = Network(copy.deepcopy(encoder), examples)

            def look(epoch: int, network: Network = network, rate: float = rate) -> None:
                nonlocal best
                if not len(truth):
                    return
                value = scores(truth, network.predict(examples, examples.val), examples.classes)[metric]
                if best is None or value > best[0] or best[0] != best[0]:  # NaN is no score
                    best = value, rate, epoch, _kept(network)

            self._train(network, examples, rate, seed, look)
        says: dict[str, Any] = {"chosen_by": "default"}
        if best is not None:
            value, rate, epoch, weights = best
            network.load_state_dict(weights)
            edge = len(self.rates) > 2 and rate in (self.rates[0], self.rates[-1])
            says = {
                f"val_{metric}": value,
                "chosen": {"lr": rate, "epoch": epoch},
                "chosen_by": examples.val_is,
                "at_edge": edge,
            }
        return {**scores(examples.truth(examples.test), network.predict(examples, examples.test), examples.classes), **says}

    def _train(self, network: Network, examples: Examples, rate: float, seed: int, look: Callable[[int], None]) -> None:
        """AdamW; what is looked at after each epoch is in evaluation mode."""
        generator = draws.derived(seed, 0, "finetune")
        device = network.centre.device
        whole = len(examples.train) >= 2 * self.batch  # else the last, smaller batch counts: few labels are all there is
        steps = self.epochs * max(1, len(examples.train) // self.batch if whole else -(-len(examples.train) // self.batch))
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        loss = cross_entropy if examples.classes else mse_loss
        with draws.seeded(draws.derived_seed(seed, 0, "finetune dropout"), device), torch.enable_grad():
            for epoch in range(1, self.epochs + 1):
                network.train()
                for rows in examples.train[torch.randperm(len(examples.train), generator=generator)].split(self.batch):
                    if (whole and len(rows) < self.batch) or len(rows) < 2:  # batch norm needs two
                        continue
                    optimizer.zero_grad()
                    target = network.target(examples.label[rows]).to(device)
                    value = loss(network(examples.seen(rows).to(device)), target)
                    value.backward()
                    optimizer.step()
                    schedule.step()
                look(epoch)


class Network(nn.Module):
    """An encoder and a linear layer on its standardised features; a number is predicted in units of its spread."""

    def __init__(self, encoder: Encoder, examples: Examples) -> None:
        super().__init__()
        self.encoder, self.classes = encoder, examples.classes
        device = device_of(encoder)
        z = torch.cat([features(encoder, examples.seen(rows).to(device)) for rows in examples.train.split(FEATURES)])
        centre, spread = (torch.from_numpy(each).float().to(device) for each in statistics(z.cpu().numpy()))
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)
        self.head = nn.utils.skip_init(nn.Linear, encoder.dim, examples.classes or 1, device=device)  # draws nothing
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        ours = examples.label[examples.train].double()
        self.middle, self.unit = (0.0, 1.0) if examples.classes else (float(ours.mean()), float(ours.std()) or 1.0)

    centre: Tensor
    spread: Tensor

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head((self.encoder(x).flatten(1) - self.centre) / self.spread)
        return out if self.classes else out[:, 0]

    def target(self, label: Tensor) -> Tensor:
        return label.long() if self.classes else (label.float() - self.middle) / self.unit

    @torch.no_grad()
    def predict(self, examples: Examples, rows: Tensor) -> Array:
        self.eval()
        device = self.centre.device
        out = torch.cat([self(examples.seen(some).to(device)).cpu() for some in rows.split(FEATURES)])
        found: Array = (out.argmax(1) if self.classes else out.double() * self.unit + self.middle).numpy()
        return found


def _kept(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
