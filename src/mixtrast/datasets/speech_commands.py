from typing import Literal, get_args

import torch

from mixtrast.data import Dataset, Schema
from mixtrast.datasets._info import DatasetInfo, Remote
from mixtrast.datasets._named import NamedDataset
from mixtrast.readers.speech import Speech
from mixtrast.validation import check_choice

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LISTS = ("validation_list.txt", "testing_list.txt")
Words = Literal["all", "ten"]


class SpeechCommands(NamedDataset):
    """Speech Commands: 105,829 spoken words of a second at 16 kHz, 35 words, in the owner's split by speaker.

    Args:
        data_dir: a folder that has the folders of words, validation_list.txt and testing_list.txt, or has it as a folder
            `speech-commands` or speech_commands_v0.02 (or v0.01). None: MIXTRAST_DATA, else the cache.
        words: "all", or "ten", which are yes, no, up, down, left, right, on, off, stop, go, and "unknown" for the others.

    Reference: Warden, 2018, arXiv:1804.03209.
    Differs: from i-Mix's twelve classes, silence is not a class: theirs was made of zeros, in training alone.
    """

    info = DatasetInfo(
        "speech-commands",
        ("speech-commands", "speech_commands_v0.02", "speech_commands_v0.01", ""),
        (
            Remote(
                "speech_commands_v0.02.tar.gz",
                "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
                2_428_923_189,
            ),
        ),
        "P. Warden, Google; CC BY 4.0",
        ("testing_list.txt",),
        unpack=True,
    )

    def __init__(self, *, data_dir: str | None = None, words: Words = "all") -> None:
        super().__init__(data_dir=data_dir)
        check_choice("words", words, get_args(Words))
        self.words = words

    def read(self, schema: Schema | None) -> Dataset:
        root = self.find(LISTS[1]).parent
        val, test = (set((root / name).read_text(encoding="ascii").split()) for name in LISTS)
        speech = Speech(seconds=1.0, task="classes")
        sounds = speech.sounds_in(root, schema, lambda path: not path.parent.name.startswith("_"))
        names = [path.relative_to(root).as_posix() for path in sounds.paths]
        kinds = [name.split("/")[0] for name in names]
        if self.words == "ten":
            kinds = [kind if kind in TEN else "unknown" for kind in kinds]
        speakers = [name.split("/")[1].split("_")[0] for name in names]
        data = speech.load_labelled(self.name, sounds, kinds, speakers, schema)
        return self.named(
            data, test=torch.tensor([name in test for name in names]), validation=torch.tensor([name in val for name in names])
        )
