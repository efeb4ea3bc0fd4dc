"""Methods: a batch of views becomes a loss. One file each; the file name is the name.

    method = get("imix", encoder, temperature=0.2)
    loss = method(Batch((view1, view2), label, index), generator)
    loss.value.backward()

A method decides what is compared with what, and towards which label; the algebra computes the loss.
"""

from mixtrast import registry
from mixtrast.methods._batch import Batch as Batch
from mixtrast.methods._batch import Loss as Loss
from mixtrast.methods._method import DataDefault as DataDefault
from mixtrast.methods._method import DefaultMixer as DefaultMixer
from mixtrast.methods._method import Method as Method
from mixtrast.methods._method import get as get

names, __getattr__, __dir__ = registry.exports(__name__)
