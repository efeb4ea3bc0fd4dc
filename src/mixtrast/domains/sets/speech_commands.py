from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import torch

from mixtrast.checks import check_choice
from mixtrast.domains._data import Data
from mixtrast.domains._sets import Remote, Set
from mixtrast.domains.sets._named import Named
from mixtrast.domains.speech import Speech

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LISTS = ("validation_list.txt", "testing_list.txt")
Words = Literal["all", "ten"]


class SpeechCommands(Named):
    """Speech Commands: 105,829 spoken words of a second at 16 kHz, 35 words, in the owner's split by speaker.

    Args:
        data_dir: a folder that has the folders of words beside validation_list.txt and testing_list.txt, or has it as a folder
            `speech-commands` or speech_commands_v0.02 (or v0.01). None: MIXTRAST_DATA, else the user's cache.
        words: "all", or "ten", which are yes, no, up, down, left, right, on, off, stop, go, and "unknown" for the others.

    Reference: Warden, 2018, arXiv:1804.03209.
    Differs: from i-Mix's twelve classes, silence is none: theirs was made of zeros, in training alone.
    """

    about: ClassVar[Set] = Set(
        "speech-commands",
        ("speech-commands", "speech_commands_v0.02", "speech_commands_v0.01", ""),
        (
            Remote(
                "speech_commands_v0.02.tar.gz",
                "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
                None,
                2_428_923_189,
            ),
        ),
        "P. Warden, Google; CC BY 4.0",
        ("testing_list.txt",),
    )
    unpack: ClassVar[str] = ", unpacked,"

    def __init__(self, *, data_dir: str | None = None, words: Words = "all") -> None:
        super().__init__(data_dir=data_dir)
        check_choice("words", words, get_args(Words))
        self.words = words

    def read(self, like: dict[str, Any] | None) -> Data:
        root = self.place(LISTS[1]).parent
        val, test = (set((root / name).read_text(encoding="ascii").split()) for name in LISTS)
        speech = Speech(seconds=1.0, task="classes")
        folder = speech.folder(root, like, lambda path: not path.parent.name.startswith("_"))
        names = [path.relative_to(root).as_posix() for path in folder.paths]
        kinds = [name.split("/")[0] for name in names]
        if self.words == "ten":
            kinds = [kind if kind in TEN else "unknown" for kind in kinds]
        who = [name.split("/")[1].split("_")[0] for name in names]
        data = speech.heard(self.about.name, folder, kinds, who, like)
        return self.whole(
            data, test=torch.tensor([name in test for name in names]), val=torch.tensor([name in val for name in names])
        )
