"""A probe that learns while the encoder does, on the batches that train it: what DABS and Dmix report."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from mixtrast import draws
from mixtrast.encoders import Encoder
from mixtrast.evaluate import features, scores
from mixtrast.methods import Batch, Method
from mixtrast.run.prepare import Prepared

RATE, DROPOUT, ROWS = 1e-4, 0.2, 256


class Online:
    """After each step of training, one step of Adam (0.0001) for a linear layer behind dropout (0.2) on the batch's features.

    No gradient goes into the encoder, which is in evaluation mode, or with `training.online` "dabs", as published, its dropout
    on. Rows without a label are left out. It chases an encoder that moves: what it says is below what `linear` finds at the
    end.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, its code; the numbers of Dmix's text are such.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.classes = prepared, prepared.classes
        self.noisy = prepared.plan.training.online == "dabs"
        with draws.seeded(draws.derived_seed(prepared.seed, 0, "online")):
            head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(prepared.method.encoder.dim, self.classes))
        self.head = head.to(prepared.plan.machine.device)
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=RATE)
        target, val = prepared.target, prepared.split.val
        self.rows = val[target[val] >= 0]

    def after(self, method: Method, batch: Batch) -> None:
        """A step, on the first view of the batch."""
        known = batch.label >= 0
        seen = features(method.encoder, batch.views[0], noisy=self.noisy)
        self.head.train()
        # Of all rows, those without a label with weight 0: which they are is not asked, so that a GPU need not be waited for.
        rows = cross_entropy(self.head(seen), batch.label.clamp(min=0), reduction="none")
        loss = (rows * known).sum() / known.sum().clamp(min=1)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def look(self, encoder: Encoder) -> dict[str, float]:
        """Its accuracy on validation examples, all in evaluation mode."""
        if not len(self.rows):
            return {}
        self.head.eval()
        device = next(self.head.parameters()).device
        data, scale = self.prepared.data, self.prepared.scale.to(device)
        said = [self.head(features(encoder, scale(data.x[some].to(device)))).argmax(1).cpu() for some in self.rows.split(ROWS)]
        return {"online": scores(self.prepared.target[self.rows].numpy(), torch.cat(said).numpy(), self.classes)["accuracy"]}

    def state_dict(self) -> dict[str, Any]:
        return {"head": self.head.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
