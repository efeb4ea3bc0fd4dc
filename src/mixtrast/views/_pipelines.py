"""Combinations of views in their order, as in published code for CIFAR."""

import copy

from mixtrast.text import nearest

Options = dict[str, float | int | tuple[float, float]]
_COLORS: dict[str, Options] = {
    "flip": {"p": 0.5},
    "color": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "p": 0.8},
    "gray": {"p": 0.2},
}

PIPELINES: dict[str, dict[str, Options]] = {
    # Chen et al., arXiv:2002.05709, appendix B.9, and google-research/simclr as its readme runs CIFAR-10: colour strength .5
    # (.8 s, .8 s, .8 s, .2 s), no blur. Its resizing is bicubic, ours bilinear.
    "simclr": {"crop": {"scale": (0.08, 1.0)}, **_COLORS},
    # The CIFAR-10 demo of facebookresearch/moco: the same, crops of torchvision's default size.
    "moco": {"crop": {"scale": (0.08, 1.0)}, **_COLORS},
    # HobbitLong/SupContrast, main_supcon.py. Also kibok90/imix on CIFAR, where the flip is last, which changes nothing.
    "supcon": {"crop": {"scale": (0.2, 1.0)}, **_COLORS},
    # facebookresearch/mixup-cifar10, train.py: what supervised training on CIFAR is usually given.
    "mixup": {"padcrop": {"padding": 4}, "flip": {"p": 0.5}},
}


def pipeline(name: str) -> dict[str, Options]:
    """Return views by name with their options, in the order in which they are applied: {"crop": {"scale": ...}, "flip": ...}.

    Raises: ValueError for a name that is none of PIPELINES.
    """
    if name not in PIPELINES:
        known = sorted(PIPELINES)
        raise ValueError(f"there is no pipeline {name!r}.{nearest(str(name), known)} There are: {', '.join(known)}.")
    return copy.deepcopy(PIPELINES[name])
