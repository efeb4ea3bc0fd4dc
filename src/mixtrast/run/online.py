"""A linear probe that learns while the encoder does, on the batches that train it: what DABS and Dmix report."""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from mixtrast import rng
from mixtrast.encoders import Encoder
from mixtrast.evaluation import features, score
from mixtrast.methods import Batch, Method
from mixtrast.run.prepare import PreparedRun

RATE, DROPOUT, ROWS = 1e-4, 0.2, 256


class OnlineProbe:
    """After each step of training, one step of Adam (0.0001) for a linear layer behind dropout (0.2) on the batch's features.

    No gradient goes into the encoder, which is in evaluation mode, or with `training.online` "dabs", as published, its dropout
    on. Rows without a label are left out. Its encoder changes while it learns, so its accuracy is below what `linear` finds at
    the end.

    Reference: Tamkin et al., DABS, arXiv:2111.12062, its code; the numbers of Dmix's text are such.
    """

    def __init__(self, prepared: PreparedRun) -> None:
        self.prepared, self.classes = prepared, prepared.classes
        self.noisy = prepared.plan.training.online == "dabs"
        with rng.seeded(rng.derived_seed(prepared.seed, 0, "online")):
            head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(prepared.method.encoder.dim, self.classes))
        self.head = head.to(prepared.plan.machine.device)
        self.optimizer = torch.optim.Adam(self.head.parameters(), lr=RATE)
        target, val = prepared.target, prepared.split.val
        self.rows = val[target[val] >= 0]

    def after(self, method: Method, batch: Batch) -> None:
        """A step, on the first view of the batch."""
        known = batch.label >= 0
        h = features(method.encoder, batch.views[0], noisy=self.noisy)
        self.head.train()
        # Of all rows, those without a label with weight 0: selecting the others would make a GPU wait.
        rows = cross_entropy(self.head(h), batch.label.clamp(min=0), reduction="none")
        loss = (rows * known).sum() / known.sum().clamp(min=1)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def measure(self, encoder: Encoder) -> dict[str, float]:
        """Its accuracy on validation examples, all in evaluation mode."""
        if not len(self.rows):
            return {}
        self.head.eval()
        device = next(self.head.parameters()).device
        x, scale = self.prepared.dataset.x, self.prepared.scale.to(device)
        found = [self.head(features(encoder, scale(x[some].to(device)))).argmax(1).cpu() for some in self.rows.split(ROWS)]
        truth, predicted = self.prepared.target[self.rows].numpy(), torch.cat(found).numpy()
        return {"online": score(truth, predicted, self.classes).values["accuracy"]}

    def state_dict(self) -> dict[str, Any]:
        return {"head": self.head.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
