"""VGG and LeNet against the tables of their papers."""

from __future__ import annotations

import torch

from mixtrast import encoders, spec


def test_vgg_and_lenet_are_those_of_the_tables():
    """Parameters of VGG-11's convolutions (Simonyan and Zisserman, table 1, A: 9,220,480) and of the LeNet of spoken words."""
    vgg = encoders.get("vgg11", spec.Image(3, 224, 224), norm=False)
    assert sum(p.numel() for p in vgg.parameters()) == 9_220_480
    assert (len(vgg.stages), vgg.dim) == (5, 512)
    assert encoders.get("vgg16", spec.Image(3, 32, 32), norm=False).dim == 512
    assert sum(p.numel() for p in encoders.get("vgg16", spec.Image(3, 32, 32), norm=False).parameters()) == 14_714_688
    lenet = encoders.get("lenet", spec.Image(1, 161, 101))
    assert lenet.stages[2][1].in_features == 16_280  # 20 x 37 x 22, as that program says
    for shape in ((1, 1), (1, 9), (5, 4), (16, 16), (28, 28)):
        small = spec.Image(2, *shape)
        for name in ("lenet", "vgg11"):
            assert encoders.get(name, small).eval()(torch.rand(2, *small.shape)).shape == (2, {"lenet": 1000}.get(name, 512))
    sound = spec.Series(1, 4000)
    for body, dim in (("vgg11", 512), ("lenet", 1000)):
        assert encoders.get("logmel", sound, rate=8000, body=body).eval()(torch.rand(2, 1, 4000)).shape == (2, dim)
