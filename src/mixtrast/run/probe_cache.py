"""Scores that another run of a comparison has computed already: found by a digest of all that decides them."""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mixtrast import atomic
from mixtrast.evaluation import Features
from mixtrast.records import Score
from mixtrast.version import __version__


class ProbeCache:
    """Scores in a folder that several runs share; None for none."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def score(self, name: str, key: object, features: Features, compute: Callable[[], Score]) -> Score:
        """What `compute()` returns, or returned for the same evaluation, key (by its `repr`) and features before."""
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}-{_digest(key, features)}.npz"
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):  # not there yet, or damaged
            found = compute()
        with contextlib.suppress(OSError):  # what cannot be stored is computed again; that is no reason to end a run
            self.folder.mkdir(parents=True, exist_ok=True)
            mine = path.with_suffix(f".{os.getpid()}")  # another run may write the same
            atomic.write(mine, _content(found))
            os.replace(mine, path)
        return found


def _digest(key: object, features: Features) -> str:
    """Of features, labels, and what they are standardised with: `centre` and `spread` are of unlabelled rows too."""
    digest = hashlib.blake2b(repr((__version__, key, features.classes)).encode(), digest_size=16)
    parts = (features.train, features.val, features.test)
    arrays = [array for part in parts for array in (part.features, part.label)]
    for array in (*arrays, features.centre, features.spread):
        digest.update(b"none" if array is None else repr((array.shape, array.dtype)).encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _content(score: Score) -> bytes:
    content, text = io.BytesIO(), np.array(json.dumps(score.to_json()))
    np.savez_compressed(content, score=text, **score.examples)  # type: ignore[arg-type, unused-ignore]
    return content.getvalue()


def _read(path: Path) -> Score:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        score = Score.from_json(json.loads(str(stored["score"])))
        examples = {name: stored[name] for name in stored.files if name != "score"}
    return replace(score, examples=examples)
