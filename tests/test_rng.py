"""Draws: from the caller's generator alone, in float64 on the host, distributed as documented."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from mixtrast import rng

CPU = torch.device("cpu")


def numpy_rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_numpy_generator_takes_one_number_of_the_torch_generator():
    generator, twin = (torch.Generator().manual_seed(3) for _ in range(2))
    first, second = rng.numpy_generator(generator).random(4), rng.numpy_generator(generator).random(4)
    assert (first == rng.numpy_generator(twin).random(4)).all()
    assert (first != second).all()
    torch.randint(2**63 - 1, (), generator=twin)
    assert generator.get_state().equal(twin.get_state())


def test_seeded_draws_begin_anew_and_leave_the_global_generator_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with rng.seeded(7):
        first = torch.rand(3)
    assert torch.rand(3).equal(expected)
    with rng.seeded(7):
        assert torch.rand(3).equal(first)


# --- roles ---------------------------------------------------------------------------------------------------------------


def test_the_same_seed_step_and_role_draw_the_same():
    assert rng.derived_seed(3, 7, "order") == rng.derived_seed(3, 7, "order")
    assert rng.derived(3, 7, "order").initial_seed() == rng.derived_seed(3, 7, "order")
    one, other = (torch.rand(5, generator=rng.derived(3, 7, "order")) for _ in range(2))
    assert one.equal(other)
    assert rng.derived(3, 7, "order").device == CPU


def test_no_two_of_seed_step_and_role_draw_alike():
    """(1, 23) and (12, 3) are not one number either."""
    keys = [*itertools.product([0, 1, 2, 12, 10**9], [0, 1, 2, 3, 23, 10**9], ["order", "method", "view 0", "view 1", ""])]
    seeds = {rng.derived_seed(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)  # what torch and NumPy take
    firsts = {float(torch.rand((), generator=rng.derived(*key), dtype=torch.float64)) for key in keys}
    assert len(firsts) == len(keys)


def test_derived_seeds_use_all_their_bits_and_neighbours_are_far_apart():
    seeds = np.array([rng.derived_seed(0, step, "view 0") for step in range(4_000)], dtype=np.int64)
    ones = ((seeds[:, None] >> np.arange(63)) & 1).mean(0)
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(4_000)
    flips = np.bitwise_count((seeds[1:] ^ seeds[:-1]).astype(np.uint64))
    assert flips.mean() == pytest.approx(31.5, abs=5 * np.sqrt(63 / 4 / 4_000))
    uniform = [float(torch.rand((), generator=rng.derived(0, step, "order"))) for step in range(2_000)]
    assert stats.kstest(uniform, stats.uniform.cdf).pvalue > 1e-3


def test_a_role_draws_from_no_one_elses_generator():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    generator = rng.derived(1, 2, "order")
    torch.rand(3, generator=generator)
    assert torch.get_rng_state().equal(before)
    assert torch.rand(3, generator=rng.derived(1, 2, "method")).tolist() != torch.rand(3, generator=generator).tolist()


# --- the caller's generator ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [None, 0, "cpu", np.random.default_rng(0), torch.default_generator.get_state()])
@pytest.mark.parametrize("door", [rng.numpy_generator, lambda g: rng.on_device(g, CPU)], ids=["numpy", "on_device"])
def test_another_generator_is_refused(wrong, door):
    with pytest.raises(TypeError, match=r"`generator` must be a torch.Generator on the CPU"):
        door(wrong)


def test_on_a_cpu_the_generator_is_the_generator():
    generator = torch.Generator().manual_seed(3)
    assert rng.on_device(generator, CPU) is generator


@pytest.mark.parametrize("alpha", [(1.0, 1.0), (0.5, 0.5), (2.0, 5.0), (32.0, 32.0)])
def test_beta(alpha):
    assert stats.kstest(rng.beta(numpy_rng(), alpha, 10_000), stats.beta(*alpha).cdf).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.01, 1e-3, 1e-10, 1e-300])
def test_beta_of_tiny_alpha_is_a_coin(alpha):
    shares = rng.beta(numpy_rng(), (alpha, alpha), 4_000)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert ((shares < 0.1) | (shares > 0.9)).mean() > 0.95


@pytest.mark.parametrize("alpha", [(0, 0), (0, 1), (1, 0)])
def test_alpha_zero_is_no_mixing(alpha):
    assert (rng.beta(numpy_rng(), alpha, 5) == 1).all()


def test_snapped_shares_and_what_is_left_are_exact_in_float32():
    share = np.concatenate([rng.beta(numpy_rng(), (0.3, 0.3), 1_000), [0, 1, 0.5, 1e-12, 1 - 1e-12]])
    snapped = rng.snap(share)
    assert np.abs(snapped - share).max() <= 2.0**-25
    assert (snapped.astype(np.float32) == snapped).all()
    assert ((1 - snapped).astype(np.float32) == 1 - snapped).all()


def test_subsets_have_their_size_and_are_uniform():
    sizes = np.array([0, 1, 3, 5])
    assert (rng.subset(numpy_rng(), 4, sizes, 5).sum(1) == sizes).all()
    found, counts = np.unique(rng.subset(numpy_rng(), 6_000, np.full(6_000, 2), 4), axis=0, return_counts=True)
    assert len(found) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("space", [(7,), (5, 8), (3, 4, 5)])
def test_boxes_and_their_inside_are_their_loops(space):
    sides = np.stack([numpy_rng().integers(0, length + 1, 12) for length in space], 1)
    centres = np.stack([numpy_rng(1).integers(0, length, 12) for length in space], 1)
    bounds = rng.boxes(sides, centres, space)
    inside = rng.inside(torch.from_numpy(bounds), space)
    assert bounds.shape == (12, 2 * len(space))
    assert inside.shape == (12, *space)
    for row, place in itertools.product(range(12), itertools.product(*map(range, space))):
        odd = len(space) == 1  # where an odd side loses nothing
        within = all(c - s // 2 <= at < c + (s + odd) // 2 for at, c, s in zip(place, centres[row], sides[row], strict=True))
        assert bool(inside[(row, *place)]) == within
    low, high = bounds[:, : len(space)], bounds[:, len(space) :]
    assert ((low >= 0) & (low <= high) & (high <= np.asarray(space))).all()


def test_to_takes_what_numpy_makes():
    values = np.arange(6.0).reshape(2, 3)
    assert rng.to(values.T, CPU).tolist() == values.T.tolist()  # not contiguous
    assert rng.to(np.broadcast_to(values[0], (2, 3)), CPU).shape == (2, 3)  # not writable
    assert rng.to(values, CPU, torch.float32).dtype == torch.float32
    assert rng.to(torch.ones(2), CPU, torch.float64).dtype == torch.float64
