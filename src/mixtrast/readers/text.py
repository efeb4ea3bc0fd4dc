from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.readers._assemble import assemble
from mixtrast.readers._layout import ENDINGS, SAMPLE
from mixtrast.readers._optional import optional
from mixtrast.readers._packed import has_ending, stem_and_ending
from mixtrast.readers._reader import Reader
from mixtrast.readers._sheet import FrameSheet, Sheet
from mixtrast.readers._source import Source, existing_file, is_frame, is_path
from mixtrast.readers._text_files import JSONL, LINE, is_text, is_text_column, looks_like_text, text_sheet, texts_of
from mixtrast.readers._tokens import length_notes, padded, tokens_spec
from mixtrast.text import listed
from mixtrast.validation import check_choice, is_whole

LONGEST = 128  # tokens, unless more are asked for
LEARNED_FROM = 100_000  # texts a vocabulary is learned from, at most
PAD, UNKNOWN, SEPARATOR = "[PAD]", "[UNK]", "[SEP]"


class Text(Reader):
    """Text in a column of a .csv, .tsv or .jsonl file or of a DataFrame, or line by line in a .txt, as ids of word pieces.

    A column is text where its values have several words and are nearly all different; else `text` names it. A vocabulary of
    word pieces (byte-level BPE) is learned from the training file and stored with the run, or read from a file that a tokenizer
    was saved to. Text is lowercased.

    Args:
        text: the column, or two of them whose texts are joined (pairs of sentences); None: the one that looks like text.
        label: the column to predict, by name, or "last" or "first"; None: there is no label.
        groups: the column that says which rows belong together and stay in one part of a split.
        tokenizer: a tokenizer.json, as Hugging Face libraries save it; None: one is learned.
        vocab: word pieces to learn.
        length: tokens of an example; None: the length of 95 % of the texts, at most 128.
        task: what the label is; "auto" decides by its values, with a note.

    Reference: Sennrich et al., Neural machine translation of rare words with subword units, ACL 2016, arXiv:1508.07909.
    """

    sources = ".jsonl; columns and lines of text"
    first = True
    chosen_by = ("text", "tokenizer", "vocab")

    def __init__(
        self,
        *,
        text: str | tuple[str, ...] | None = None,
        label: str | None = None,
        groups: str | None = None,
        tokenizer: str | None = None,
        vocab: int = 4000,
        length: int | None = None,
        task: TaskOption = "auto",
    ) -> None:
        check_choice("task", task, TASKS)
        for name, value, least in (("vocab", vocab, 300), ("length", length, 1)):
            if value is not None and not is_whole(value, least):
                raise ValueError(f"`{name}` must be an integer, {least} or more, got {value!r}.")
        self.text, self.label, self.groups, self.tokenizer = text, label, groups, tokenizer
        self.vocab, self.length, self.task = vocab, length, task

    @classmethod
    def takes(cls, source: object) -> bool:
        if is_frame(source):
            return any(is_text_column(source.iloc[:, at]) for at in range(len(source.columns)))  # type: ignore[attr-defined]
        return is_path(source) and looks_like_text(Path(str(source)).expanduser())

    @classmethod
    def reads(cls, source: object) -> bool:
        return is_frame(source) or has_ending(source, (*ENDINGS, JSONL))

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (N,T) int64, with padding after the end of shorter texts."""
        first = self._read(source, schema)
        second = (
            None if test is None else self._read(test, replace(first.schema, options={}))
        )  # as if asked for: label and groups must exist
        name = "frame" if is_frame(source) else stem_and_ending(existing_file(source))[0]
        return assemble(name, first, test=second, task=self.task, schema=schema)

    def _read(self, source: Any, schema: Schema | None) -> Source:
        """Return a file or frame as a source."""
        lines = schema is not None and schema.text == (LINE,)
        sheet = FrameSheet(source) if is_frame(source) else text_sheet(existing_file(source), lines=lines)
        label, groups = (sheet.role(self, option, schema) for option in ("label", "groups"))
        columns = self._text_columns(sheet, (label, groups), schema)
        frame = sheet.read(list(sheet.columns))
        texts = [f" {SEPARATOR} ".join(row) for row in zip(*(texts_of(frame[name]) for name in columns), strict=True)]
        if not texts:
            raise ValueError(f"{sheet.name} holds no text. Give a row for each example.")
        earlier = schema if schema is not None and schema.reader == self.name else None
        stored = None if earlier is None else earlier.tokenizer
        tokenizer = _tokenizer(stored, self.tokenizer, texts, self.vocab)
        ids = [each.ids for each in tokenizer.encode_batch(texts)]
        vocab, pad = _padded_vocab(tokenizer)
        spec = tokens_spec(ids, vocab, earlier, length=self.length, longest=LONGEST, pad=pad)
        how = "of the earlier data" if stored else f"from {self.tokenizer}" if self.tokenizer else "learned from these texts"
        unused = [name for name in sheet.columns if name not in (*columns, label, groups)]
        return Source(
            x=padded(ids, spec.length, pad),
            schema=replace(self.schema_of(spec), text=columns, label=label, groups=groups, tokenizer=tokenizer.to_str()),
            where=sheet.where,
            label=sheet.column_values(frame[label]) if label else None,
            groups=sheet.column_values(frame[groups]) if groups else None,
            label_name=f"label {label!r}",
            groups_name=f"groups {groups!r}",
            notes=(
                f"{sheet.name}: text in {listed([repr(name) for name in columns])}.",
                f"{tokenizer.get_vocab_size():,} word pieces, {how}.",
                *length_notes(ids, spec.length, "text"),
                *([f"not used, as it is not the text: {listed(unused)}."] if unused else []),
                *sheet.notes,
            ),
        )

    def _text_columns(self, sheet: Sheet, others: tuple[str | None, ...], schema: Schema | None) -> tuple[str, ...]:
        """Return the columns of text: those of the option or the earlier data, else those that look like text."""
        named = self.text if self.text is not None else None if schema is None else schema.text
        if named:
            return tuple(sheet.find(name, "text") for name in ((named,) if isinstance(named, str) else named))
        rest = [name for name in sheet.columns if name not in others]
        frame = sheet.read(list(sheet.columns)).head(SAMPLE)
        found = [name for name in rest if is_text(texts_of(frame[name]))] or (rest if len(rest) == 1 else [])
        if not found:
            raise ValueError(
                f"{sheet.name} has no column that looks like text, got {listed(rest)}. Name it: `--data.text COL`."
            )
        return tuple(found)


def _tokenizer(json: str | None, path: str | None, texts: Sequence[str], vocab: int) -> Any:
    """Return the tokenizer of a JSON text or of a file, else one learned from the texts (byte-level BPE)."""
    tokenizers = optional("tokenizers", "text")
    if json is not None:
        return tokenizers.Tokenizer.from_str(json)
    if path is None:
        return _learned(tokenizers, texts, vocab)
    try:
        found = tokenizers.Tokenizer.from_file(str(existing_file(path)))
    except (ValueError, FileNotFoundError):
        raise
    except Exception as error:  # the library raises plain exceptions
        raise ValueError(f"{path} could not be read as a tokenizer: {error}. Give a tokenizer.json.") from error
    found.no_padding()
    found.no_truncation()
    return found


def _padded_vocab(tokenizer: Any) -> tuple[int, int]:
    """Return the number of ids, and the id of padding, which is added where the tokenizer has none."""
    size = tokenizer.get_vocab_size()
    known = [tokenizer.token_to_id(name) for name in (PAD, "<pad>", "<|pad|>", "<|endoftext|>")]
    pad = next((number for number in known if number is not None), size)
    return max(size, pad + 1), pad


def _learned(tokenizers: Any, texts: Sequence[str], vocab: int) -> Any:
    """Return a tokenizer of small letters with a vocabulary learned from the texts."""
    found = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=UNKNOWN))
    normalizers, byte_level = tokenizers.normalizers, tokenizers.pre_tokenizers.ByteLevel
    found.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    found.pre_tokenizer, found.decoder = byte_level(), tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=[PAD, UNKNOWN, SEPARATOR], initial_alphabet=byte_level.alphabet(), show_progress=False,
        min_frequency=2,
    )  # fmt: skip
    found.train_from_iterator(texts[:: -(-len(texts) // LEARNED_FROM)], trainer)
    return found
