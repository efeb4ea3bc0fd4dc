"""MixCo and DACL against loops written from their formulas, against SimCLR, and MixCo against the authors' numbers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

import mixtrast as mt
import oracle
from mixtrast.encoders import Encoder
from mixtrast.methods import Batch, Method
from mixtrast.methods._method import draw
from mixtrast.mixers import Mixup
from mixtrast.spec import Table
from test_golden import HERE, load
from test_methods import (
    CLASSES,
    F64,
    INF,
    NAN,
    SHAPE,
    WIDTHS,
    Given,
    N,
    Spy,
    batch,
    cases,
    cross_entropies,
    encoder,
    entropies,
    equal_vectors,
    gradients,
    log_p,
    make,
    method,
    number,
    seen_by_norms,
    share,
    simclr,
    twin,
    two,
    unit,
    value,
)
from test_mixers import seeded

H = N // 2  # N is odd: the last example is not mixed by MixCo
MIXERS = ("cutmix", "resizemix", "patchmix", "mixup+cutmix")
MIXCO = [
    *[("mixco", {"depth": depth}) for depth in (0, 1, 2)],
    *[("mixco", {"mixer": mixer}) for mixer in MIXERS],
    ("mixco", {"temperature": 0.2, "mix_temperature": 0.05}),
    ("mixco", {"weight": 0.3}),
]
DACL = [
    *[("dacl", {"depth": depth}) for depth in (0, 1, 2)],
    *[("dacl", {"mixer": mixer}) for mixer in MIXERS],
    ("dacl", {"temperature": 0.05}),
]
BOTH = ["mixco", "dacl"]


def mean(rows: list[float]) -> float:
    return math.fsum(rows) / len(rows)


# --- the formulas --------------------------------------------------------------------------------------------------------


def pairs() -> Tensor:
    """Of each view, example i with example i + h, in rows of [view 1; view 2]."""
    return torch.tensor([[view * N + i, view * N + i + H] for view in (0, 1) for i in range(H)])


def directions(made: Method, given: Batch, seed: int) -> list[tuple[oracle.Rows, oracle.Rows]]:
    """For each view the targets of its mixtures, and their log softmax over the clean other view."""
    (depth,) = made.depth
    clean = two(given, made, depth)
    mixed, mix = made.mixer(torch.cat(clean), seeded(seed), parents=pairs())
    found = []
    for view in (0, 1):
        rows = slice(view * H, (view + 1) * H)
        parents, weights = (mix.parents[rows] - view * N).tolist(), mix.weight[rows].tolist()
        w = [[share(weights[i], parents[i], j) for j in range(N)] for i in range(H)]
        z, c = unit(made, mixed[rows], depth), unit(made, clean[1 - view], depth)
        found.append((w, log_p(z, c, made.mix_temperature)))
    return found


def mixco(made: Method, given: Batch, seed: int) -> tuple[float, float]:
    """Both terms, the second without its weight."""
    plain, _ = cross_entropies(*simclr(made, given, seed))
    return mean(plain), mean([mean(cross_entropies(*one)[0]) for one in directions(made, given, seed)])


def dacl(made: Method, given: Batch, seed: int) -> tuple[oracle.Rows, oracle.Rows]:
    """SimCLR of the mixtures."""
    (depth,) = made.depth
    generator, pool = seeded(seed), torch.cat(two(given, made, depth))
    mixed, _ = made.mixer(pool, generator, parents=made.parents(N, generator))
    z = unit(made, mixed, depth)
    return [[float(i != j and i % N == j % N) for j in range(2 * N)] for i in range(2 * N)], log_p(z, z, made.temperature, True)


@cases(MIXCO)
@pytest.mark.parametrize("seed", [1, 2])
def test_mixco_is_its_formula(name, options, seed):
    made, given = make(name, options), batch(seed=seed)
    plain, beside = mixco(made, given, seed)
    loss = made(given, seeded(seed))
    assert loss.value.item() == pytest.approx(plain + made.weight * beside, rel=1e-9)
    assert {key: part.item() for key, part in loss.parts.items()} == pytest.approx({"simclr": plain, "mixco": beside}, rel=1e-9)


@cases(DACL)
@pytest.mark.parametrize("seed", [1, 2])
def test_dacl_is_its_formula(name, options, seed):
    made, given = make(name, options), batch(seed=seed)
    rows, _ = cross_entropies(*dacl(made, given, seed))
    assert number(made, given, seed) == pytest.approx(mean(rows), rel=1e-9)


def test_a_mixture_is_the_sum_of_its_shares():
    """What enters the encoder, by hand, of both methods."""
    for made, parents in ((method("mixco"), pairs()), (method("dacl"), method("dacl").parents(N, seeded(3)))):
        entered: list[Tensor] = []
        weight = torch.rand(len(parents), generator=seeded(7), dtype=torch.float64)
        made.mixer, given = Given(parents, weight), batch()
        made.encoder.stages[0].register_forward_pre_hook(lambda _, x, seen=entered: seen.append(x[0]))
        value(made, given, 3)
        x = torch.cat(given.views)
        for row, (own, other), part in zip(entered[-1], parents.tolist(), weight.tolist(), strict=True):
            torch.testing.assert_close(row, part * x[own] + (1 - part) * x[other], **F64)


@cases(MIXCO)
def test_the_floor_of_mixco_is_the_entropy_of_its_targets(name, options):
    made, given = make(name, options), batch()
    mixed = mean([mean(entropies(targets)[0]) for targets, _ in directions(made, given, 1)])
    loss = made(given, seeded(1))
    assert float(loss.floor()) == pytest.approx(made.weight * mixed, rel=1e-6)
    assert loss.value.item() >= float(loss.floor())


def test_the_floor_of_dacl_is_zero():
    assert float(method("dacl")(batch(), seeded(1)).floor()) == pytest.approx(0, abs=1e-12)


@cases([*MIXCO, *DACL])
def test_chance_is_the_loss_of_equal_vectors(name, options, monkeypatch):
    made = make(name, options)
    equal_vectors(made, batch(), monkeypatch)
    loss = made(batch(), seeded(1))
    assert loss.value.item() == pytest.approx(float(loss.chance()), rel=1e-6)
    mixed = made.weight * math.log(N) if name == "mixco" else 0
    assert float(loss.chance()) == pytest.approx(math.log(2 * N - 1) + mixed, rel=1e-6)


@cases([*MIXCO, *DACL])
def test_the_gradient_reaches_every_weight(name, options):
    made = make(name, options)
    value(made, batch()).backward()
    for which, weight in made.named_parameters():
        assert weight.grad is not None, which
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().max() > 1e-9, which


@cases([*MIXCO, *DACL])
def test_the_generator_decides_the_mixtures(name, options):
    made, given = make(name, options), batch()
    assert number(made, given, 1) == number(made, given, 1)
    assert len({number(made, given, seed) for seed in range(6)}) == 6
    generator = seeded(1)
    assert len({made(given, generator).value.item() for _ in range(5)}) == 5  # the state moves on


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("depths", [(0, 2), (0, 1, 2)], ids=str)
def test_of_several_depths_the_one_drawn_is_where_it_mixes(name, depths):
    made = method(name, depth=depths, mixer=Spy())
    alone = {depth: twin(made, name, depth=depth, mixer=Mixup()) for depth in depths}
    for seed in range(12):
        generator = seeded(seed)
        depth = draw(depths, generator)
        assert number(made, batch(), seed) == alone[depth](batch(), generator).value.item()
    assert set(made.mixer.seen) == {(math.prod(SHAPE), *WIDTHS)[depth] for depth in depths}


def test_half_precision_is_compared_in_float32():
    for name in BOTH:
        made = method(name).float()
        given = Batch(tuple(view.float() for view in batch().views), batch().label, batch().index)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = made(given, seeded(1))
        assert loss.value.dtype == torch.float32
        assert loss.value.item() == pytest.approx(number(made, given), rel=0.05)


# --- against SimCLR ------------------------------------------------------------------------------------------------------


def same(made: Method, other: Method, given: Batch) -> None:
    torch.testing.assert_close(value(made, given), value(other, given), **F64)
    for ours, theirs in zip(gradients(made, given), gradients(other, given), strict=True):
        torch.testing.assert_close(ours, theirs, **F64)


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("depth", [0, 1, 2, (0, 2)], ids=str)
def test_mixco_of_weight_0_is_simclr(depth, norm):
    """In training mode, with batch norm too: the clean views pass the encoder apart from the mixtures."""
    made = method("mixco", norm=norm, weight=0, depth=depth)
    same(made, twin(made, "simclr"), batch())


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize("depth", [0, 1, 2, (0, 2)], ids=str)
@pytest.mark.parametrize(
    "mixer", [{"name": "mixup", "weight": 1}, {"name": "cutmix", "alpha": 0}, {"name": "patchmix", "alpha": 0}]
)
def test_dacl_without_mixing_is_simclr(mixer, depth, norm):
    made = method("dacl", norm=norm, mixer=mt.mixers.get(**mixer), depth=depth)
    same(made, twin(made, "simclr"), batch())


def test_a_little_mixing_changes_dacl_little():
    """The loss is continuous in α at 1."""
    gaps = []
    made = method("dacl")
    plain = number(twin(made, "simclr"), batch())
    for low in (0.9, 0.99, 0.999, 0.9999):
        made.mixer = Mixup(weight=(low, 1.0))
        gaps.append(abs(number(made, batch()) - plain))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-3


def test_mixco_without_mixing_adds_the_first_half_finding_itself():
    """λ = 1: hard labels, each view of the first h examples against all of the other view."""
    made = method("mixco", mixer=Mixup(alpha=0), mix_temperature=0.1, weight=0.7)
    z = [unit(made, view) for view in batch().views]
    beside = [-log_p(z[view], z[1 - view], 0.1)[i][i] for view in (0, 1) for i in range(H)]
    plain = number(twin(made, "simclr"), batch())
    assert number(made, batch()) == pytest.approx(plain + 0.7 * mean(beside), rel=1e-9)


def test_mixco_of_no_share_is_the_second_half():
    """λ = 0: the mixture is its partner, and the label with it."""
    made = method("mixco", mixer=Mixup(weight=0))
    z = [unit(made, view) for view in batch().views]
    beside = [-log_p(z[view], z[1 - view], made.mix_temperature)[H + i][H + i] for view in (0, 1) for i in range(H)]
    assert made(batch(), seeded(1)).parts["mixco"].item() == pytest.approx(mean(beside), rel=1e-9)


# --- what must not matter ------------------------------------------------------------------------------------------------


def shares(rows: int) -> Tensor:
    return torch.rand(rows, generator=seeded(7), dtype=torch.float64)


def test_the_views_of_mixco_may_be_swapped_with_their_shares():
    given, weight = batch(), shares(2 * H)
    made = method("mixco", mixer=Given(pairs(), weight))
    other = twin(made, "mixco", mixer=Given(pairs(), weight.roll(H)))
    swapped = Batch(given.views[::-1], given.label, given.index)
    torch.testing.assert_close(value(other, swapped), value(made, given), **F64)


def test_the_halves_of_mixco_may_be_swapped_with_their_shares():
    given, weight = batch(), shares(2 * H)
    order = torch.cat([torch.arange(H, 2 * H), torch.arange(H), torch.arange(2 * H, N)])
    made = method("mixco", mixer=Given(pairs(), weight))
    other = twin(made, "mixco", mixer=Given(pairs(), 1 - weight))
    moved = Batch(tuple(view[order] for view in given.views), given.label[order], given.index[order])
    torch.testing.assert_close(value(other, moved), value(made, given), **F64)


@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
def test_the_order_of_the_batch_does_not_matter_to_dacl(norm):
    """Partners and shares go with the examples."""
    given, order = batch(), torch.randperm(N, generator=seeded(5))
    rows, weight = torch.cat([order, N + order]), shares(2 * N)
    parents = method("dacl").parents(N, seeded(6))
    made = method("dacl", norm=norm, mixer=Given(parents, weight))
    other = twin(made, "dacl", mixer=Given(rows.argsort()[parents[rows]], weight[rows]))
    moved = Batch(tuple(view[order] for view in given.views), given.label[order], given.index[order])
    torch.testing.assert_close(value(other, moved), value(made, given), **F64)


@pytest.mark.parametrize("name", BOTH)
def test_labels_and_indices_are_not_looked_at(name):
    made = method(name)
    others = batch(torch.arange(N) % CLASSES, index=torch.arange(N) + 5)
    assert number(made, others) == number(made, batch())


# --- partners and shares -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 8, 9])
def test_mixco_mixes_the_first_half_of_each_view_with_the_second(n):
    half = n // 2
    parents = method("mixco").parents(n)
    assert parents.tolist() == [[view * n + i, view * n + i + half] for view in (0, 1) for i in range(half)]


@pytest.mark.parametrize("n", [2, 3, 9])
def test_dacl_mixes_a_view_with_the_same_view_of_another_example(n):
    made = method("dacl")
    generator = seeded(0)
    for _ in range(50):
        parents = made.parents(n, generator)
        assert parents.shape == (2 * n, 2)
        assert parents[:, 0].equal(torch.arange(2 * n))
        assert (parents // n == torch.tensor([0, 1]).repeat_interleave(n)[:, None]).all()
        assert (parents[:, 0] != parents[:, 1]).all()


def test_every_other_example_is_as_likely_and_both_views_are_drawn_apart():
    """Counts within five standard deviations; the pair of partners too, so the two draws do not follow each other."""
    made, generator, rounds = method("dacl"), seeded(0), 3_000
    one, pair = torch.zeros(4), torch.zeros(4, 4)
    for _ in range(rounds):
        partners = made.parents(4, generator)[:, 1] % 4
        one[partners[0]] += 1
        pair[partners[0], partners[4]] += 1
    assert one[0] == 0
    assert (one[1:] / rounds - 1 / 3).abs().max() < 5 * math.sqrt(2 / 9 / rounds)
    assert (pair[1:, 1:] / rounds - 1 / 9).abs().max() < 5 * math.sqrt(8 / 81 / rounds)


class Kept(Mixup):
    """Mixup that keeps the shares it drew."""

    def __call__(self, x, generator, **options):
        mixed, self.mix = super().__call__(x, generator, **options)
        return mixed, self.mix


@pytest.mark.parametrize(("name", "low"), [("mixco", 0.0), ("dacl", 0.9)])
def test_shares_are_uniform_and_one_for_each_mixture(name, low):
    """The quantiles of λ on its range within 5/sqrt(n) of those of a uniform (Kolmogorov: 1.95 is one in a thousand)."""
    n = 600
    made = mt.methods.get(name, mt.encoders.get("mlp", Table(2), widths=(2,)), dim=2)
    assert repr(made.mixer) == repr(Mixup() if name == "mixco" else Mixup(weight=(0.9, 1.0)))
    made.mixer = Kept(**({} if name == "mixco" else {"weight": (0.9, 1.0)}))
    x = torch.randn(2, n, 2, generator=seeded())
    made(Batch((x[0], x[1]), torch.full((n,), -1), torch.arange(n)), seeded())
    drawn = made.mixer.mix.weight[:, 0].double()
    assert len(drawn) == (n if name == "mixco" else 2 * n)
    assert len(drawn.unique()) > 0.99 * len(drawn)
    at = (drawn.sort().values - low) / (1 - low)
    assert at[0] >= 0
    assert (at - (torch.arange(len(at)) + 0.5) / len(at)).abs().max() < 1.95 / math.sqrt(len(at))
    first, second = drawn.chunk(2)
    assert torch.corrcoef(torch.stack([first, second]))[0, 1].abs() < 5 / math.sqrt(len(first))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("norm", [False, True], ids=["", "norm"])
def test_the_smallest_batches(name, n, norm):
    """Of two, each is the other's partner; batch norm has two mixtures to look at."""
    made, given = method(name, norm=norm), batch()
    some = Batch(tuple(view[:n] for view in given.views), given.label[:n], given.index[:n])
    loss = made(some, seeded(1))
    loss.value.backward()
    assert loss.value.isfinite()
    assert all(weight.grad.isfinite().all() for weight in made.parameters())


@pytest.mark.parametrize("name", BOTH)
def test_a_batch_of_one_has_no_partner(name):
    given = batch()
    one = Batch(tuple(view[:1] for view in given.views), given.label[:1], given.index[:1])
    with pytest.raises(ValueError, match=r"takes (two|that many).* or more, got 1"):
        value(method(name), one)


# --- what passes the encoder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batch_norm_sees_clean_views_and_then_the_mixtures_of_mixco(depth):
    made = method("mixco", norm=True, depth=depth)
    for name, rows in seen_by_norms(made, batch()).items():
        before = any(name.startswith(f"encoder.stages.{stage}.") for stage in range(depth))
        assert rows == ([2 * N] if before else [2 * N, 2 * H]), name


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_batch_norm_sees_all_mixtures_of_dacl_at_once(depth):
    assert all(rows == [2 * N] for rows in seen_by_norms(method("dacl", norm=True, depth=depth), batch()).values())


# --- the authors' numbers ------------------------------------------------------------------------------------------------


class Played(nn.Module):
    """Gives stored vectors, a pass at a time, and keeps what it was shown."""

    def __init__(self, *passes: Tensor) -> None:
        super().__init__()
        self.passes, self.shown = list(passes), []

    def forward(self, x: Tensor) -> Tensor:
        self.shown.append(x)
        return self.passes[len(self.shown) - 1]


class Shares(Mixup):
    """Mixup of the partners it is given, with these shares."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.told = weight

    def __call__(self, x, generator, **options):
        return super().__call__(x, generator, **options, draw={"weight": self.told})


def golden_batch(a: dict[str, Tensor]) -> Batch:
    """Its images; where embeddings alone are stored, rows of one number that nobody looks at."""
    n = len(a["z1"])
    x1, x2 = (a.get(key, torch.zeros(n, 1, dtype=torch.float64)) for key in ("x1", "x2"))
    return Batch((x1, x2), torch.full((n,), -1), torch.arange(n))


def golden_method(a: dict[str, Tensor], on: Encoder) -> Method:
    shares = torch.cat([a["lam1"], a["lam2"]]).double()
    tau = {"temperature": float(a["temperature"]), "mix_temperature": float(a["mix_temperature"])}
    return mt.methods.get("mixco", on, mixer=Shares(shares), projector="none", **tau)


def agrees(loss: mt.methods.Loss, a: dict[str, Tensor]) -> None:
    for ours, key in ((loss.value, "loss"), (loss.parts["simclr"], "loss_ntxent"), (loss.parts["mixco"], "loss_mix")):
        torch.testing.assert_close(ours, a[key], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", load(HERE, "mixco_simclr"))
def test_mixco_is_the_authors_loss(case):
    """Stored vectors in place of the encoder: the loss, its terms, its gradients, and the images it mixed."""
    a, params = load(HERE, "mixco_simclr")[case]
    z = {key: a[key].clone().requires_grad_() for key in ("z1", "z2", "zmix1", "zmix2")}
    played = Played(torch.cat([z["z1"], z["z2"]]), torch.cat([z["zmix1"], z["zmix2"]]))
    given = golden_batch(a)
    made = golden_method(a, Encoder([played], a["z1"].shape[1]))
    loss = made(given, seeded())
    agrees(loss, a)
    assert played.shown[0].equal(torch.cat(given.views))
    if params["level"] == "end_to_end":
        torch.testing.assert_close(played.shown[1], torch.cat([a["mixed1"], a["mixed2"]]), rtol=1e-12, atol=1e-14)
    else:
        for key, grad in zip(z, torch.autograd.grad(loss.value, list(z.values())), strict=True):
            torch.testing.assert_close(grad, a[f"grad_{key}"], rtol=1e-7, atol=1e-10)


def test_mixco_is_the_authors_loss_from_image_to_weight():
    """Through the encoder they ran: losses and the gradients of images and of all weights."""
    whole = 0
    for a, params in load(HERE, "mixco_simclr").values():
        if params["level"] != "end_to_end":
            continue
        whole += 1
        first, last = (nn.Linear(*a[f"param/{name}.weight"].T.shape).double() for name in ("fc1", "fc"))
        with torch.no_grad():
            for layer, name in ((first, "fc1"), (last, "fc")):
                layer.weight.copy_(a[f"param/{name}.weight"])
                layer.bias.copy_(a[f"param/{name}.bias"])
        stages = [nn.Sequential(nn.Flatten(), first, nn.Tanh()), last]
        made = golden_method(a, Encoder(stages, last.out_features))
        given = golden_batch({key: x.clone() for key, x in a.items()})
        for view in given.views:
            view.requires_grad_()
        loss = made(given, seeded())
        agrees(loss, a)
        loss.value.backward()
        found = {"grad_x1": given.views[0].grad, "grad_x2": given.views[1].grad}
        found |= {f"grad_param/fc1.{key}": weight.grad for key, weight in first.named_parameters()}
        found |= {f"grad_param/fc.{key}": weight.grad for key, weight in last.named_parameters()}
        for key, grad in found.items():
            torch.testing.assert_close(grad, a[key], rtol=1e-7, atol=1e-10)
    assert whole == 2


# --- the door ------------------------------------------------------------------------------------------------------------

BAD = [
    *[("mixco", {"mix_temperature": bad}, "`mix_temperature` of MixCo must be > 0") for bad in (0, -0.1, NAN, INF, "0.1")],
    *[("mixco", {"weight": bad}, "`weight` of MixCo must be 0 or more") for bad in (-1, NAN, INF, "1", None, True)],
    ("mixco", {"base": "byol"}, "`base` must be one of 'simclr', 'moco', got 'byol'"),
    *[
        (name, {"temperature": bad}, r"`temperature` of \w+ must be > 0")
        for name, bad in itertools.product(BOTH, (0, NAN, "1"))
    ],
    *[(name, {"dim": 0}, r"`dim` of \w+ must be a whole number above 0") for name in BOTH],
    *[(name, {"mixer": bad}, r"`mixer` of \w+ must be a mixer") for name in BOTH for bad in ("mixup", 0.5, Mixup)],
    *[(name, {"depth": bad}, r"`depth` of \w+ must be 0 \(the input\) to 2") for name in BOTH for bad in (-1, 3, (), "0")],
]


@pytest.mark.parametrize(("name", "options", "phrase"), BAD, ids=[f"{name}-{options}" for name, options, _ in BAD])
def test_bad_options_are_refused(name, options, phrase):
    with pytest.raises((ValueError, TypeError), match=phrase):
        mt.methods.get(name, encoder(), **options)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("views", [0, 1, 3])
def test_two_views_are_two(name, views):
    given = batch()
    wrong = Batch((given.views * 2)[:views], given.label, given.index)
    with pytest.raises(ValueError, match=f"takes two views of each example, got {views}"):
        value(method(name), wrong)
