"""Golden numbers: what the original authors' code computes, computed with the algebra (README.md).

A function per family says how its method is written here, and returns our value for each stored key; what follows a comma
in a key says how it was reached. `PYTHONPATH=tests python tests/golden/test_algebra.py` prints how far apart the two are.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

import mixtrast as mt
from mixtrast import Labels, Mix
from support.golden import HERE, TOLERANCE, identities, load

FULL = os.environ.get("MIXTRAST_GOLDEN")


def leaves(a, *names):
    """The arrays of these names, to be differentiated by."""
    return [a[name].requires_grad_() for name in names]


def gradients(a, loss, suffix="", **by):
    """The gradients of a scalar that are stored: grad_q=q, ..."""
    by = {key: x for key, x in by.items() if key in a}
    found = torch.autograd.grad(loss, list(by.values()), retain_graph=True) if by else ()
    return {key + suffix: g for key, g in zip(by, found, strict=True)}


def both(a, call, rows="per_row", **by):
    """Loss, rows and gradients of call(reduction): of the mean, and of the rows averaged outside, which is other code."""
    loss, each = call("mean"), call("none")
    out = {"loss": loss, "loss, of rows": each.mean(), rows: each}
    return out | gradients(a, loss, **by) | gradients(a, each.mean(), ", of rows", **by)


def mix_of(a, pass_=""):
    """Row i with row perm_i, λ one or one a row; the identity where nothing is mixed."""
    if "perm" + pass_ not in a:
        return Mix.identity(len(a["k"]))
    perm = a["perm" + pass_]
    own = a["lam" + pass_].double().expand(len(perm))
    return Mix(torch.stack([torch.arange(len(perm)), perm], 1), torch.stack([own, 1 - own], 1))


def half_mix(lam):
    """MixCo: row i with row i + B/2."""
    first = torch.arange(len(lam))
    return Mix(torch.stack([first, first + len(lam)], 1), torch.stack([lam, 1 - lam], 1))


def mixed_by(mixer, x, mix, draw=None, **options):
    """The mixer's mixtures, with given parents, and λ those of `mix` unless the draw says otherwise."""
    draw = {"weight": mix.weight[:, 0]} if draw is None else draw
    return mixer(x, torch.Generator(), parents=mix.parents, draw=draw, **options)


def supcontrast(a, p):
    """SupCon, SimCLR and any mask; rows view by view, and the authors' factor τ / base τ put on here."""
    (features,) = leaves(a, "features")
    n, views, _ = features.shape
    rows = features.transpose(0, 1).flatten(0, 1)
    anchors = rows if p["contrast_mode"] == "all" else rows[:n]
    if p["kind"] == "mask":  # every candidate is someone, and an anchor is a bit of each of its positives
        positive = a["mask"].repeat(views, views)[: len(anchors)]
        someone = torch.arange(len(rows))
        who, whom = Labels(torch.where(positive > 0, someone, -1), positive), Labels.of(someone)
    else:
        ids = (a["labels"] if p["kind"] == "labels" else torch.arange(n)).repeat(views)
        whom = Labels.of(ids)
        who = whom if anchors is rows else Labels.of(ids[:n])
    factor = float(a["temperature"] / a["base_temperature"])

    def call(reduction):
        itself = torch.arange(len(anchors))
        options = {"temperature": float(a["temperature"]), "exclude": itself, "reduction": reduction}
        loss = factor * mt.contrast(anchors, rows, who, whom, **options)
        return loss.view(-1, n) if reduction == "none" else loss

    return both(a, call, "per_anchor", grad_features=features)


def ntxent(a, p):
    """SimCLR, of raw rows that are normalised unless similarity is the dot product."""
    z1, z2 = leaves(a, "z1", "z2")
    z = torch.cat([z2, z1])
    z = z if p.get("similarity") == "dot" else normalize(z)
    labels, itself = Labels.of(torch.arange(len(z1)).repeat(2)), torch.arange(len(z))

    def call(reduction):
        return mt.contrast(z, z, labels, labels, temperature=float(a["temperature"]), exclude=itself, reduction=reduction)

    return both(a, call, grad_z1=z1, grad_z2=z2)


def supervised_other(a, p):
    """SupCon as other libraries have it: over the rows with a positive, pair by pair, and of summed positives."""
    (raw,) = leaves(a, "z")
    name, m, labels = p["loss_name"], len(raw), a["labels"]
    z = raw if name == "pml_npairs_unnormalised" else normalize(raw)
    if name.startswith("pml_npairs"):
        anchors, positives = z[a["anchors"]], z[a["positives"]]
        loss = mt.contrast(anchors, positives, identities(len(anchors)), identities(len(anchors)), temperature=1.0)
        return {"loss": loss, **gradients(a, loss, grad_z=raw)}
    temperature, itself, classes = float(a["temperature"]), torch.arange(m), Labels.of(labels)
    if name == "pml_ntxent":  # each pair its own row, which does not see the other positives
        same = (labels[:, None] == labels).fill_diagonal_(False)
        anchor, positive = same.nonzero().unbind(1)
        hidden = torch.where((labels[anchor, None] == labels) & (itself != positive[:, None]), itself, -1)

        def pairs(reduction):
            options = {"temperature": temperature, "exclude": hidden, "reduction": reduction}
            return mt.contrast(z[anchor], z, Labels.of(positive), identities(m), **options)

        out = both(a, pairs, "per_pair", grad_z=raw)
        return {key: value for key, value in out.items() if key.split(",")[0] in a}
    sight = {"temperature": temperature, "exclude": itself}
    out = {"supcontrast_loss": mt.contrast(z, z, classes, classes, **sight)}
    if name == "solo_supervised":
        loss = (mt.log_partition(z, z, **sight) - mt.log_partition(z, z, **sight, among=(classes, classes))).mean()
    elif len(labels.unique()) == 1:
        return out  # PML calls a batch without a negative pair 0; here, as in SupContrast, it spreads the class
    else:
        rows = mt.contrast(z, z, classes, classes, **sight, reduction="none")
        mean = name == "pml_supcon_meanreducer"
        loss = rows.mean() if mean else rows.sum() / max(1, int((mt.row_mass(classes, classes, exclude=itself) > 0).sum()))
        out |= {"per_anchor": rows} if "per_anchor" in a else {}
    return out | {"loss": loss} | gradients(a, loss, grad_z=raw)


def moco(a, p):
    """The own key is a private positive, the queue is nobody."""
    (q,) = leaves(a, "q")
    queue, key = a["queue"].T, normalize(a["k"])
    who, whom, temperature = identities(len(q)), Labels.nobody(len(queue)), float(a["temperature"])

    def call(reduction):
        return mt.contrast(normalize(q), queue, who, whom, temperature=temperature, paired=key, reduction=reduction)

    return both(a, call, grad_q=q)


def imix_npair(a, p):
    """Mixed queries against the unmixed keys, which are differentiated; `sym` adds the other direction."""

    def one(pass_):
        q, k = leaves(a, "q" + pass_, "k" + pass_)
        who, whom, temperature = identities(len(k)).mix(mix_of(a, pass_)), identities(len(k)), float(a["temperature"])

        def call(reduction):
            return mt.contrast(normalize(q), normalize(k), who, whom, temperature=temperature, reduction=reduction)

        return both(a, call, **{"grad_q" + pass_: q, "grad_k" + pass_: k})

    return one("") if not p["sym"] else _sum(one(""), one("_b"))


def imix_moco(a, p):
    """Candidates are the keys of the batch, then the queue."""
    (q,) = leaves(a, "q")
    n, queue = len(q), a["queue"].T
    candidates = torch.cat([normalize(a["k"]), queue])
    who, whom = identities(n).mix(mix_of(a)), Labels.cat(identities(n), Labels.nobody(len(queue)))

    def call(reduction):
        return mt.contrast(normalize(q), candidates, who, whom, temperature=float(a["temperature"]), reduction=reduction)

    return both(a, call, grad_q=q)


def imix_byol(a, p):
    """The attraction alone, to keys without a gradient."""

    def one(pass_):
        (prediction,) = leaves(a, "p" + pass_)
        k = normalize(a["k" + pass_])
        who, whom = identities(len(k)).mix(mix_of(a, pass_)), identities(len(k))

        def call(reduction):
            return mt.align(normalize(prediction), k, who, whom, reduction=reduction)

        return both(a, call, **{"grad_p" + pass_: prediction})

    return one("") if not p["sym"] else _sum(one(""), one("_b"))


def _sum(first, second):
    """Both directions: the losses add, each has its own gradients, and rows are not stored."""
    losses = {key: first[key] + second[key] for key in ("loss", "loss, of rows")}
    return {key: value for key, value in (first | second | losses).items() if key != "per_row"}


def mixco_simclr(a, p):
    """SimCLR, plus half of each view's mixtures against the unmixed rows of the other."""
    z1, z2, m1, m2 = leaves(a, "z1", "z2", "zmix1", "zmix2")
    temperature, batch = float(a["mix_temperature"]), identities(len(z1))
    plain = ntxent(a, {})["loss"]
    out, mixed = {"loss_ntxent": plain}, []
    for view, mixtures, others in ((1, m1, z2), (2, m2, z1)):
        mix = half_mix(a[f"lam{view}"])
        rows = (normalize(mixtures), normalize(others), batch.mix(mix), batch)
        mixed.append(mt.contrast(*rows, temperature=temperature))
        out[f"soft_ce_rows_{view}"] = mt.contrast(*rows, temperature=temperature, reduction="none")
        if p["level"] == "end_to_end":
            out[f"mixed{view}"] = mixed_by(mt.mixers.Mixup(), a[f"x{view}"], mix)[0]
    second = sum(mixed) / 2
    out |= {"loss_mix": second, "loss": plain + second}
    return out | gradients(a, out["loss"], grad_z1=z1, grad_z2=z2, grad_zmix1=m1, grad_zmix2=m2)


def mixco_moco(a, p):
    """MoCo, plus the mixtures against all keys of the batch and the queue."""
    q, qmix = leaves(a, "q", "qmix")
    mix, queue, batch = half_mix(a["lam"]), a["queue"].T, identities(len(q))
    candidates, whom = torch.cat([normalize(a["k"]), queue]), Labels.cat(batch, Labels.nobody(len(queue)))
    rows, temperature = (normalize(qmix), candidates, batch.mix(mix), whom), float(a["mix_temperature"])
    plain, second = moco(a, {})["loss"], mt.contrast(*rows, temperature=temperature)
    loss = plain + float(a["mix_param"]) * second
    each = mt.contrast(*rows, temperature=temperature, reduction="none")
    out = {"loss": loss, "loss_moco": plain, "loss_mix": second, "mix_rows": each}
    if p["level"] == "end_to_end":
        out["mixed"] = mixed_by(mt.mixers.Mixup(), a["xq"], mix)[0]
    return out | gradients(a, loss, grad_q=q, grad_qmix=qmix)


def dabs_emix(a, p):
    """e-mix as its paper has it; and as its code runs, where a broadcast averages λ over the batch."""
    q, k = leaves(a, "q", "k")
    mix, batch = mix_of(a), identities(len(k))

    def call(labels, reduction="mean"):
        options = {"temperature": float(a["temperature"]), "reduction": reduction}
        return mt.contrast(normalize(q), normalize(k), labels, batch, **options)

    documented, mean = call(batch.mix(mix)), float(a["lam"].mean())
    own, partner = call(batch, "none"), call(Labels.of(a["perm"]), "none")
    as_run = mean * own.mean() + (1 - mean) * partner.mean()
    out = {"loss_as_documented": documented, "loss_as_run": as_run, "ce_own": own, "ce_partner": partner}
    if p["level"] == "end_to_end":
        out["embs_mixed"] = mixed_by(mt.mixers.Mixup(), a["embs"], mix, pool=a["embs"].detach())[0]
    out |= gradients(a, documented, grad_q_as_documented=q, grad_k_as_documented=k)
    return out | gradients(a, as_run, grad_q_as_run=q, grad_k_as_run=k)


def soft_targets(a, p):
    """Any target, one slot a class; and two labels of one λ, the mixup criterion."""
    (logits,) = leaves(a, "logits")
    n, classes = logits.shape
    target = Labels(torch.arange(classes).repeat(n, 1), a["target"])
    soft, lam = mt.soft_cross_entropy(logits, target), a["lam"].expand(n)
    mixup = mt.soft_cross_entropy(logits, Labels.of(torch.cat([a["y_a"], a["y_b"]])).mix(half_mix(lam)))
    out = {"soft_ce": soft, "mixup_loss": mixup, "soft_ce_rows": mt.soft_cross_entropy(logits, target, reduction="none")}
    return out | gradients(a, soft, grad_soft_ce=logits) | gradients(a, mixup, grad_mixup=logits)


def mixing(a, p):
    """Inputs mixed with the parents and draws of the authors' code, and the labels that come with them."""
    x, function = a["x"], p["function"]
    if function == "imix_inputmix":
        return {"out": Mix(torch.cat([torch.arange(len(x))[None], a["perms"]]).T, a["lams"].T)(x)}
    given = mix_of(a)
    if "resizemix" in function:
        mixer = mt.mixers.ResizeMix(interpolate={"nearest": "nearest", "bilinear": "linear"}[p["interpolate"]])
        pasted = "pasted" if p["interpolate"] == "nearest" else "resized"
        at = {"centre": a["center"], "scale": a["tao"]}
        ways = {f"{pasted} at a scale": at, f"{pasted} to a box": {"box": a["box"]}}
    elif "cutmix" in function:
        mixer = mt.mixers.CutMix()
        at = {"centre": a["center"], "weight": a["lam_drawn"]}
        ways = {"pasted at a λ": at, "pasted to a box": {"box": a["box"]}}
    else:
        mixer, ways = mt.mixers.Mixup(), {"blended": {"weight": a["lam"]}, "by the Mix": None}
    out = {}
    for way, draw in ways.items():
        mixed, mix = (given(x), given) if draw is None else mixed_by(mixer, x, given, draw)
        own = mix.weight[:, 0]
        out |= {f"out, {way}": mixed, f"lam, {way}": own if a["lam"].dim() else own.unique().squeeze()}
        if "y" in a:
            out[f"y_a, {way}"], out[f"y_b, {way}"] = Labels.of(a["y"]).mix(mix).ids.unbind(1)
    return out


FAMILIES = {
    "supcontrast": supcontrast,
    "ntxent": ntxent,
    "supervised_other": supervised_other,
    "moco": moco,
    "imix_npair": imix_npair,
    "imix_moco": imix_moco,
    "imix_byol": imix_byol,
    "mixco_simclr": mixco_simclr,
    "mixco_moco": mixco_moco,
    "dabs_emix": dabs_emix,
    "soft_targets": soft_targets,
    "mixing": mixing,
}


def compare(folder, family, case, dtype):
    """{key: (ours, golden)}; embeddings and inputs in the dtype, numbers and λ as they are stored."""
    stored, params = load(folder, family)[case]
    a = {key: (x.to(dtype) if x.is_floating_point() and x.dim() > 1 else x).clone() for key, x in stored.items()}
    ours = FAMILIES[family](a, params)
    assert ours
    return {key: (value.detach(), stored[key.split(",")[0]]) for key, value in ours.items()}


def kind_of(key):
    """Which tolerance a key has."""
    if key.startswith("out") and "pasted" in key:
        return "paste"
    return "grad" if key.startswith("grad") else "blend" if key.startswith(("out", "lam", "mixed", "embs")) else "value"


def check(folder, family, case, dtype):
    """Raises where ours and the golden number are further apart than the tolerance."""
    for key, (ours, golden) in compare(folder, family, case, dtype).items():
        rtol, atol = TOLERANCE[dtype][kind_of(key)]
        where = f"{family} {case}, {key}, in {dtype}: "
        torch.testing.assert_close(ours, golden.to(ours.dtype), rtol=rtol, atol=atol, msg=where.__add__)


WAYS = {"float64": torch.float64, "float32": torch.float32, "large": torch.float64}
CASES = [
    pytest.param(family, case, way, id=f"{family}-{case}-{way}")
    for family in FAMILIES
    for case in load(HERE, family)
    for way in WAYS
    if way != "large" or family not in ("soft_targets", "mixing")
]


@pytest.mark.parametrize(("family", "case", "way"), CASES)
def test_golden(family, case, way, monkeypatch):
    """The authors' numbers, in two precisions, and by the code that large batches take."""
    if way == "large":
        for limit in ("_affinity.FORMED", "_partition.BLOCK_CPU"):
            monkeypatch.setattr(f"mixtrast.algebra.{limit}", 0)
    check(HERE, family, case, WAYS[way])


def test_emix_as_run_is_another_loss():
    """e-mix's broadcast slip shows in the numbers, so a loss with it would be caught."""
    golden = [arrays for arrays, _ in load(HERE, "dabs_emix").values()]
    assert max(abs(float(a["loss_as_run"] - a["loss_as_documented"])) for a in golden) > 1e-2


def test_emix_partner_has_no_gradient():
    """With the batch detached as the pool, only the first ingredient is differentiated."""
    a, _ = load(HERE, "dabs_emix")["case_05"]
    x, mix = a["embs"].clone().requires_grad_(), mix_of(a)
    mixed_by(mt.mixers.Mixup(), x, mix, pool=x.detach())[0].sum().backward()
    torch.testing.assert_close(x.grad, mix.weight[:, 0, None, None].expand_as(x))


@pytest.mark.skipif(FULL is None, reason="Set MIXTRAST_GOLDEN to a folder with whole golden families to check all of them.")
def test_full_families():
    """The same functions on every case of a folder of whole families, those of them that are known here."""
    wrong = []
    for family in sorted(FAMILIES.keys() & json.loads((Path(FULL) / "index.json").read_text(encoding="utf-8"))["families"]):
        for case in load(Path(FULL), family):
            for dtype in TOLERANCE:
                try:
                    check(Path(FULL), family, case, dtype)
                except AssertionError as error:
                    wrong.append(str(error))
    assert not wrong, "\n".join(wrong)


def gaps():
    """Prints, in float64, the worst gap of a value and of a gradient (over the norm of the golden one) by family."""
    print(f"{'family':17} cases  value gap  gradient gap")
    for family in FAMILIES:
        values, grads = [0.0], []
        for case in load(HERE, family):
            for key, (ours, golden) in compare(HERE, family, case, torch.float64).items():
                gap = float((ours.double() - golden.double()).abs().max())
                norm = float(golden.double().norm())
                if key.startswith("grad"):
                    grads.append(gap / norm if norm > 1e-12 else gap)  # a gradient of 0 has no relative gap
                else:
                    values.append(gap)
        print(
            f"{family:17} {len(load(HERE, family)):5}  {max(values):9.1e}  {f'{max(grads):12.1e}' if grads else '           -'}"
        )


if __name__ == "__main__":
    gaps()
