"""Probes that the other runs of a comparison have made already: those of rows that training does not change.

All cells of a seed have the same split, so the raw input and mostly the untrained encoder are the same numbers again. What is
kept goes by a digest of the features and labels themselves, so nothing that differs can be taken for the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast import whole
from mixtrast.evaluate import Features
from mixtrast.version import __version__

FOLDER = "MIXTRAST_KEPT"  # set by a comparison for its runs


def kept(name: str, options: Mapping[str, Any], seed: int, features: Features, make: Callable[[], dict[str, Any]]) -> Any:
    """What `make()` gives, or gave another run for the same features, labels, options and seed."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return make()
    digest = hashlib.blake2b(
        repr((__version__, name, sorted(options.items()), seed, features.classes)).encode(), digest_size=16
    )
    for part in (features.train, features.val, features.test):
        for array in (part.features, part.label):
            digest.update(repr((array.shape, array.dtype)).encode())
            digest.update(np.ascontiguousarray(array).data)
    path = Path(folder) / f"{name}-{digest.hexdigest()}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet, or damaged
        found = make()
    with contextlib.suppress(OSError):  # what cannot be kept is made again; that is no reason to end a run
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_suffix(f".{os.getpid()}")  # another run may be at the same
        whole.write(mine, json.dumps(found).encode())
        os.replace(mine, path)
    return found
