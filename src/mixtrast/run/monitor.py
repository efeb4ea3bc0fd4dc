"""What is measured while a run trains: the geometry of its features, and kNN on validation examples where labels allow it."""

import torch
from torch import Tensor

from mixtrast import evaluation
from mixtrast.evaluation.knn import KNN
from mixtrast.inference import embed
from mixtrast.methods import Method
from mixtrast.run.evaluate import features_of
from mixtrast.run.online import OnlineProbe
from mixtrast.run.prepare import PreparedRun

MOST = (2_000, 500)  # training and validation examples
NEIGHBOURS = 20


class Monitor:
    """Measures the geometry of features, and kNN accuracy where there are classes; never on test examples."""

    def __init__(self, prepared: PreparedRun, online: OnlineProbe | None = None, *, most: tuple[int, int] = MOST) -> None:
        self.prepared, self.online = prepared, online
        splits = (prepared.split.train, prepared.split.val)
        train, val = (prepared.sample(rows, many) for rows, many in zip(splits, most, strict=True))
        self.views = prepared.make_views(val if len(val) > 1 else train, 2, "look")
        self.parts: dict[str, Tensor] = {}  # validation stands in the place of test
        if prepared.label is not None and prepared.one_class_each and prepared.section.labels is None:
            labelled = (rows[prepared.target[rows] >= 0] for rows in splits)
            train, val = (prepared.sample(rows, many) for rows, many in zip(labelled, most, strict=True))
            if len(val) and len(prepared.target[train].unique()) > 1:
                self.parts = {"train": train, "test": val}

    def __call__(self, method: Method, step: int) -> dict[str, float]:
        measured = geometry(method, self.views)
        if self.parts:
            knn = KNN(neighbours=(min(NEIGHBOURS, len(self.parts["train"])),))
            measured["knn"] = knn(features_of(self.prepared, method.encoder, self.parts), seed=0).values["accuracy"]
        if self.online is not None:
            measured |= self.online.measure(method.encoder)
        return {name: round(value, 5) for name, value in measured.items()}


def geometry(method: Method, views: tuple[Tensor, ...]) -> dict[str, float]:
    """Alignment and uniformity of the embeddings (of the features, for a method without a projector), rank of the features."""
    h = embed(method.encoder, torch.cat(views))
    device = next(method.parameters()).device
    with torch.no_grad():
        projector = getattr(method, "projector", None)
        z = h if projector is None else projector(h.to(device)).float().cpu()
    z1, z2 = z.chunk(2)
    alignment, uniformity = evaluation.alignment(z1, z2), evaluation.uniformity(z1)
    return {"alignment": alignment, "uniformity": uniformity, "rank": evaluation.rank(h.chunk(2)[0])}
