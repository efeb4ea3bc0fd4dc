from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mixtrast import draws
from mixtrast.checks import check_choice
from mixtrast.encoders import Encoder
from mixtrast.evaluate._evaluation import check_count, scores
from mixtrast.evaluate._examples import Examples, OfExamples

ROWS = 256  # examples at a time


class DABS(OfExamples):
    """DABS's transfer probe: a linear layer on the features of the frozen encoder, by AdamW at a small constant rate.

    Nothing is chosen: the last epoch counts, features are not standardised, and the rate is the published one, so it is a weak
    probe that favours features of large numbers; `linear` is the one to judge by. Only where it is named.

    Args:
        encoder: its mode while the probe learns: "eval", or "train" as published, where dropout makes its features noisy (it
            is tested in evaluation mode either way).
        epochs: passes over the training rows.
        batch: examples of a step.
        rate: learning rate.
        decay: of the weights.

    Returns (when called): the scores of test.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, section 5, and its code.
    Differs: two classes have two logits with cross-entropy, where its code has one.
    """

    rows: ClassVar[tuple[str, ...]] = ("trained", "untrained")

    def __init__(
        self,
        *,
        encoder: Literal["eval", "train"] = "eval",
        epochs: int = 100,
        batch: int = 128,
        rate: float = 1e-4,
        decay: float = 1e-4,
    ) -> None:
        check_choice("encoder", encoder, ("eval", "train"))
        for name, value in (("rate", rate), ("decay", decay)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise ValueError(f"`{name}` of DABS must be 0 or more, got {value!r}.")
        self.encoder, self.rate, self.decay = encoder, rate, decay
        self.epochs, self.batch = check_count("DABS", "epochs", epochs), check_count("DABS", "batch", batch)

    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> dict[str, Any]:
        assert encoder is not None
        device = next(encoder.parameters()).device
        label = examples.label[examples.train]
        middle, unit = (0.0, 1.0) if examples.classes else (float(label.mean()), float(label.std()) or 1.0)
        target = label.long() if examples.classes else (label.float() - middle) / unit
        noisy, training = self.encoder == "train", encoder.training
        generator = draws.derived(seed, 0, "dabs")
        encoder.eval()
        fixed = None if noisy else _features(encoder, examples, examples.train, device)
        with draws.GLOBAL, torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(draws.derived_seed(seed, 0, "dabs"))
            head = nn.Linear(encoder.dim, examples.classes or 1).to(device)
            optimizer = torch.optim.AdamW(head.parameters(), lr=self.rate, weight_decay=self.decay)
            encoder.train(noisy)
            for _ in range(self.epochs):
                for rows in torch.randperm(len(label), generator=generator).split(self.batch):
                    z = fixed[rows] if fixed is not None else _features(encoder, examples, examples.train[rows], device)
                    out, wanted = head(z), target[rows].to(device)
                    loss = cross_entropy(out, wanted) if examples.classes else mse_loss(out[:, 0], wanted)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        encoder.eval()
        with torch.no_grad():
            out = head(_features(encoder, examples, examples.test, device)).cpu()
        encoder.train(training)
        said = out.argmax(1) if examples.classes else out[:, 0].double() * unit + middle
        return scores(examples.truth(examples.test), said.numpy(), examples.classes)


@torch.no_grad()
def _features(encoder: Encoder, examples: Examples, rows: Tensor, device: torch.device) -> Tensor:
    return torch.cat([encoder(examples.seen(some).to(device)).float().flatten(1) for some in rows.split(ROWS)])
