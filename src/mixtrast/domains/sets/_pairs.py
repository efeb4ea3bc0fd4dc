"""What sets of pairs of sentences share: how their words are cut."""

from __future__ import annotations

from mixtrast.domains.sets._named import Named
from mixtrast.domains.text import Text

PAIR = ("sentence1", "sentence2")


class NamedPairs(Named):
    """Pairs of sentences, joined into one text.

    Args:
        data_dir: see `Named`.
        tokenizer, vocab, length: see `Text`.
    """

    def __init__(
        self, *, data_dir: str | None = None, tokenizer: str | None = None, vocab: int = 8000, length: int | None = None
    ) -> None:
        super().__init__(data_dir=data_dir)
        self.tokenizer, self.vocab, self.length = tokenizer, vocab, length
        self.text("label")  # checks them

    def text(self, label: str) -> Text:
        """How the pairs are read."""
        return Text(text=PAIR, label=label, tokenizer=self.tokenizer, vocab=self.vocab, length=self.length, task="classes")
