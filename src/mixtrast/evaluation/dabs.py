"""The transfer probe of DABS."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mixtrast import rng
from mixtrast.encoders import Encoder
from mixtrast.evaluation._examples import Examples, device_of, features
from mixtrast.evaluation._options import check_count, check_rate
from mixtrast.evaluation._probes import ExampleProbe
from mixtrast.evaluation._score import score
from mixtrast.records import Score
from mixtrast.validation import check_choice

ROWS = 256  # examples at a time


class DABS(ExampleProbe):
    """DABS's transfer probe: a linear layer on the features of the frozen encoder, by AdamW at a small constant rate.

    Nothing is chosen: the last epoch counts, features are not standardised, and the rate is the published one, so it is a weak
    probe that favours features of large numbers; judge by `linear`. Only where it is named.

    Args:
        encoder: its mode while the probe is trained: "eval", or "train" as published, where dropout makes its features noisy.
            Either way norms keep their statistics, and it is tested in evaluation mode.
        epochs: passes over the training rows.
        batch: examples of a step.
        rate: learning rate.
        decay: weight decay.

    Returns (when called): the scores of test.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, section 5, and its code.
    Differs: two classes have two logits with cross-entropy, where its code has one.
    """

    title, phrase, kind, order = "DABS probe", "the DABS probe", "weak probe", 5
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
        self.encoder = encoder
        self.rate, self.decay = check_rate("DABS", "rate", rate), check_rate("DABS", "decay", decay)
        self.epochs, self.batch = check_count("DABS", "epochs", epochs), check_count("DABS", "batch", batch)

    def __call__(self, examples: Examples, encoder: Encoder | None, *, seed: int) -> Score:
        assert encoder is not None
        device, x = device_of(encoder), examples
        label = x.label[x.train]
        middle, unit = (0.0, 1.0) if x.classes else (float(label.mean()), float(label.std()) or 1.0)
        target = label.long() if x.classes else (label.float() - middle) / unit
        generator = rng.derived(seed, 0, "dabs")

        def embedded(rows: Tensor, noisy: bool = False) -> Tensor:
            return torch.cat([features(encoder, x.inputs(some).to(device), noisy=noisy) for some in rows.split(ROWS)])

        fixed = None if self.encoder == "train" else embedded(x.train)
        with rng.seeded(rng.derived_seed(seed, 0, "dabs"), device), torch.enable_grad():
            head = nn.Linear(encoder.dim, x.classes or 1).to(device)
            optimizer = torch.optim.AdamW(head.parameters(), lr=self.rate, weight_decay=self.decay)
            for _ in range(self.epochs):
                for rows in torch.randperm(len(label), generator=generator).split(self.batch):
                    z = fixed[rows.to(device)] if fixed is not None else embedded(x.train[rows], noisy=True)
                    out, wanted = head(z), target[rows].to(device)
                    loss = cross_entropy(out, wanted) if x.classes else mse_loss(out[:, 0], wanted)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        with torch.no_grad():
            out = head(embedded(x.test)).cpu()
        predicted = out.argmax(1) if x.classes else out[:, 0].double() * unit + middle
        return score(x.truth(x.test), predicted.numpy(), x.classes)
