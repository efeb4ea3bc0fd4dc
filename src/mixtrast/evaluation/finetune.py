"""Fine-tuning of the encoder with labels."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mixtrast import rng
from mixtrast.encoders import Encoder
from mixtrast.evaluation._examples import Examples, device_of, features
from mixtrast.evaluation._features import statistics
from mixtrast.evaluation._options import check_count, check_grid, check_rate
from mixtrast.evaluation._probes import ExampleProbe
from mixtrast.evaluation._score import Array, main_metric, score
from mixtrast.records import Score

FEATURES = 256  # examples at a time without a gradient


class FineTune(ExampleProbe):
    """Fine-tuning: all weights are trained further with labels, from the encoder as initial weights.

        p = softmax(W (f(x) - m) / s + b),  m and s of the training features before,  W = 0 and b = 0 before

    The untrained row is the same network trained from its first weights, so from labels alone. Learning rate and epoch are
    chosen by accuracy (r²) on the validation split, without one on a fifth of train held out. There are no views. Only where it
    is named: --evaluation linear+knn+finetune.

    Args:
        rates: learning rates of AdamW, which fall to 0 along half a cosine.
        epochs: passes over the training rows.
        batch: examples of a step.
        decay: weight decay.

    Returns (when called): the scores of test; val_accuracy or val_r2; chosen {"lr", "epoch"}; chosen_by; at_edge.

    Reference: Girshick et al., R-CNN, 2014, arXiv:1311.2524 (supervised); Erhan et al., JMLR 11, 2010 (unsupervised).
    """

    title, phrase, kind, order = "fine-tuned", "fine-tuning", "finetune", 4
    rows: ClassVar[tuple[str, ...]] = ("trained", "untrained")

    def __init__(
        self, *, rates: tuple[float, ...] = (1e-4, 1e-3), epochs: int = 20, batch: int = 128, decay: float = 1e-4
    ) -> None:
        self.rates, self.epochs = check_grid("FineTune", "rates", rates), check_count("FineTune", "epochs", epochs)
        self.batch, self.decay = check_count("FineTune", "batch", batch), check_rate("FineTune", "decay", decay)

    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> Score:
        assert encoder is not None
        examples = examples.with_validation(seed)
        metric, truth = main_metric(examples.classes), examples.truth(examples.val)
        choice, best = Score(chosen_by="default"), float("nan")
        weights: dict[str, Tensor] = {}
        for rate in self.rates:
            network = Network(copy.deepcopy(encoder), examples)
            with rng.seeded(rng.derived_seed(seed, 0, "finetune dropout"), network.centre.device), torch.enable_grad():
                for epoch in self._epochs(network, examples, rate, seed):
                    if not len(truth):
                        continue
                    value = score(truth, network.predict(examples, examples.val), examples.classes).values[metric]
                    if not weights or value > best or best != best:  # NaN is no score
                        best, weights = value, {name: each.detach().clone() for name, each in network.state_dict().items()}
                        edge = len(self.rates) > 2 and rate in (self.rates[0], self.rates[-1])
                        by = examples.validation_source
                        choice = Score({f"val_{metric}": value}, {"lr": rate, "epoch": epoch}, by, edge)
        if weights:
            network.load_state_dict(weights)
        found = score(examples.truth(examples.test), network.predict(examples, examples.test), examples.classes)
        return replace(choice, values={**found.values, **choice.values}, examples=found.examples)

    def _epochs(self, network: Network, examples: Examples, rate: float, seed: int) -> Iterator[int]:
        """Train the network by AdamW; yields after each epoch, counted from 1."""
        generator, device, size = rng.derived(seed, 0, "finetune"), network.centre.device, len(examples.train)
        full_batches = size >= 2 * self.batch  # else the last, smaller batch counts: few labels are all there is
        steps = self.epochs * max(1, size // self.batch if full_batches else -(-size // self.batch))
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        loss = cross_entropy if examples.classes else mse_loss
        for epoch in range(1, self.epochs + 1):
            network.train()
            for rows in examples.train[torch.randperm(size, generator=generator)].split(self.batch):
                if (full_batches and len(rows) < self.batch) or len(rows) < 2:  # batch norm needs two
                    continue
                optimizer.zero_grad()
                target = network.target(examples.label[rows]).to(device)
                loss(network(examples.inputs(rows).to(device)), target).backward()
                optimizer.step()
                schedule.step()
            yield epoch


class Network(nn.Module):
    """An encoder and a linear layer on its standardised features; a number is predicted in units of its spread."""

    centre: Tensor
    spread: Tensor

    def __init__(self, encoder: Encoder, examples: Examples) -> None:
        super().__init__()
        self.encoder, self.classes = encoder, examples.classes
        device = device_of(encoder)
        z = torch.cat([features(encoder, examples.inputs(rows).to(device)) for rows in examples.train.split(FEATURES)])
        centre, spread = (torch.from_numpy(each).float().to(device) for each in statistics(z.cpu().numpy()))
        self.register_buffer("centre", centre)
        self.register_buffer("spread", spread)
        self.head = nn.utils.skip_init(nn.Linear, encoder.dim, examples.classes or 1, device=device)  # draws nothing
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        label = examples.label[examples.train].double()
        self.middle, self.unit = (0.0, 1.0) if examples.classes else (float(label.mean()), float(label.std()) or 1.0)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head((self.encoder(x).flatten(1) - self.centre) / self.spread)
        return out if self.classes else out[:, 0]

    def target(self, label: Tensor) -> Tensor:
        """Labels as the loss takes them."""
        return label.long() if self.classes else (label.float() - self.middle) / self.unit

    @torch.no_grad()
    def predict(self, examples: Examples, rows: Tensor) -> Array:
        """The predictions for these rows, in evaluation mode."""
        self.eval()
        device = self.centre.device
        out = torch.cat([self(examples.inputs(some).to(device)).cpu() for some in rows.split(FEATURES)])
        found: Array = (out.argmax(1) if self.classes else out.double() * self.unit + self.middle).numpy()
        return found
