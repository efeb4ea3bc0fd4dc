"""Datasets of pairs of sentences."""

from mixtrast.datasets._named import NamedDataset
from mixtrast.readers.text import Text

PAIR = ("sentence1", "sentence2")


class PairsDataset(NamedDataset):
    """Pairs of sentences, joined into one text.

    Args:
        data_dir: see `NamedDataset`.
        tokenizer, vocab, length: see `Text`.
    """

    def __init__(
        self, *, data_dir: str | None = None, tokenizer: str | None = None, vocab: int = 8000, length: int | None = None
    ) -> None:
        super().__init__(data_dir=data_dir)
        self.tokenizer, self.vocab, self.length = tokenizer, vocab, length
        self.text("label")  # checks them

    def text(self, label: str) -> Text:
        """Return the reader of the pairs."""
        return Text(text=PAIR, label=label, tokenizer=self.tokenizer, vocab=self.vocab, length=self.length, task="classes")
