"""Which examples share the statistics of batch norm."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixtrast.methods import Batch
from support.generators import seeded
from support.methods import WIDTHS, N, batch, batch_for, make, method, seen_by_norms, value
from support.momentum import K

# --- what passes the encoder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [("npair", {}), ("simclr", {}), ("supcon", {}), *[("imix", {"depth": depth}) for depth in (0, 1, 2)]],
    ids=str,
)
def test_batch_norm_sees_both_views_at_once(name, options):
    """The mixed and the clean ones too, before the mixing and after it."""
    seen = seen_by_norms(method(name, norm=True, **options), batch())
    assert len(seen) == len(WIDTHS) + 2
    assert all(rows == [2 * N] for rows in seen.values())


@pytest.mark.parametrize(("mixtures", "rows"), [("N", N), ("2N", 2 * N)])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batch_norm_sees_mixtures_alone_once_mixsupcon_has_mixed(mixtures, rows, depth):
    made = method("mixsupcon", norm=True, mixtures=mixtures, depth=depth)
    seen = seen_by_norms(made, batch())
    for name, counts in seen.items():
        before = any(name.startswith(f"encoder.stages.{stage}.") for stage in range(depth))
        assert counts == [2 * N if before else rows], name


@pytest.mark.parametrize("mixer", [None, "mixup"])
def test_batch_norm_sees_one_view_in_supervised_training(mixer):
    seen = seen_by_norms(make("supervised", {"mixer": mixer}, norm=True), batch_for(method("supervised")))
    assert all(rows == [N] for rows in seen.values())


@pytest.mark.parametrize("mixtures", ["N", "2N"])
def test_mixsupcon_encodes_only_mixtures(mixtures):
    made, given = method("mixsupcon", mixtures=mixtures), batch()
    entered: list[Tensor] = []
    made.encoder.stages[0].register_forward_pre_hook(lambda _, x: entered.append(x[0]))
    value(made, given, 4)
    generator = seeded(4)
    parents = made.parents(N, generator)
    mixed, _ = made.mixer(torch.cat(given.views), generator, parents=parents)
    assert len(entered) == 1
    assert entered[0].equal(mixed)


# --- what passes the encoder ---------------------------------------------------------------------------------------------


H = N // 2
PASSES = [
    ("npair", {}, [2 * N], []),
    ("simclr", {}, [2 * N], []),
    ("supcon", {}, [2 * N], []),
    ("dacl", {}, [2 * N], []),
    ("moco", {"queue": K}, [N], [N]),
    ("moco", {"queue": K, "symmetric": True}, [N, N], [N, N]),
    ("byol", {}, [N, N], [N, N]),
    ("byol", {"symmetric": False}, [N], [N]),
    ("imix", {}, [2 * N], []),
    ("imix", {"base": "simclr"}, [2 * N, 2 * N], []),
    ("imix", {"base": "moco", "queue": K}, [N], [N]),
    ("imix", {"base": "byol"}, [N], [N]),
    ("mixco", {}, [2 * N, 2 * H], []),
    ("mixco", {"base": "moco", "queue": K}, [N + H], [N]),
    ("mixsupcon", {}, [2 * N], []),
    ("mixsupcon", {"mixtures": "N"}, [N], []),
    ("mixsupcon", {"reading": "D"}, [2 * N, 2 * N], []),
    ("mixsupcon", {"clean": 1.0}, [2 * N, 2 * N], []),
]


@pytest.mark.parametrize(("name", "options", "ours", "slow"), PASSES, ids=[f"{n}-{o}" for n, o, *_ in PASSES])
def test_what_shares_the_statistics_of_batch_norm(name, options, ours, slow):
    """How many rows pass together, each time that the encoder and its target network are called."""
    seen = seen_by_norms(method(name, norm=True, **options), batch())
    fast = {at: rows for at, rows in seen.items() if at.startswith("encoder.")}
    copies = {at: rows for at, rows in seen.items() if at.startswith("keys.target.encoder.")}
    assert len(fast) == len(WIDTHS)
    assert all(rows == ours for rows in fast.values())
    assert all(rows == slow for rows in copies.values())
    assert bool(copies) == bool(slow)


def test_mixtures_and_clean_examples_of_emix_pass_apart():
    """Behind the embedding, which they have in common."""
    made = method("emix", norm=True)
    two_views = batch()
    seen = seen_by_norms(made, Batch(two_views.views[:1], two_views.label, two_views.index))
    assert [rows for at, rows in seen.items() if at.startswith("encoder.")] == [[N], *[[N, N]] * (len(WIDTHS) - 1)]
