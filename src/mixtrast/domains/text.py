from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, existing, is_asked, is_frame, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains._lines import lengths_note, padded, tokens_spec, usual_length
from mixtrast.domains._sheet import FileSheet, FrameSheet, Sheet, load_pandas
from mixtrast.domains._text import ENDINGS, SAMPLE, layout, opened, parts, rows_of
from mixtrast.domains._words import is_number, listed

JSONL = ".jsonl"
LONGEST = 128  # tokens, unless more are asked for
LEARNED_FROM = 100_000  # texts, from which a vocabulary is learned
LINE = "line"  # the column of a file of lines
SPECIAL = ("[PAD]", "[UNK]", "[SEP]")


class Text(Domain):
    """Text in a column of a .csv, .tsv or .jsonl file or of a DataFrame, or line by line in a .txt: ids of pieces of words.

    A column is text where its values have several words and are nearly all different; `text` says which otherwise. A vocabulary
    of pieces of words (byte-level BPE) is learned from the training file, and kept with the run, or read from a file that
    a tokenizer was saved to. Letters are made small.

    Args:
        text: the column, or two of them, whose texts are joined (pairs of sentences); None: the one that looks like text.
        label: the column to predict, by name, or "last" or "first"; None: there is no label.
        groups: the column that says which rows belong together and stay in one split.
        tokenizer: a tokenizer.json, as Hugging Face's libraries save it; None: one is learned.
        vocab: pieces of words to learn.
        length: tokens of an example; None: as many as 95 of 100 have, at most 128.
        task: what the label is; "auto" looks at it.

    Reference: Sennrich et al., Neural machine translation of rare words with subword units, ACL 2016, arXiv:1508.07909.
    """

    first: ClassVar[bool] = True
    asked: ClassVar[tuple[str, ...]] = ("text", "tokenizer", "vocab")

    def __init__(
        self,
        *,
        text: str | tuple[str, ...] | None = None,
        label: str | None = None,
        groups: str | None = None,
        tokenizer: str | None = None,
        vocab: int = 4000,
        length: int | None = None,
        task: Asked = "auto",
    ) -> None:
        check_choice("task", task, ASKED)
        for name, value, least in (("vocab", vocab, 300), ("length", length, 1)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise ValueError(f"`{name}` of Text must be a whole number, {least} or more, got {value!r}.")
        self.text, self.label, self.groups, self.tokenizer = text, label, groups, tokenizer
        self.vocab, self.length, self.task = vocab, length, task

    @staticmethod
    def takes(source: object) -> bool:
        if is_frame(source):
            return any(_is_text_of(source.iloc[:, at]) for at in range(len(source.columns)))  # type: ignore[attr-defined]
        if not is_path(source):
            return False
        path = Path(str(source)).expanduser()
        ending = parts(path)[1]
        return path.is_file() and (ending == JSONL or (ending in ENDINGS and _looks_like_text(path)))

    @staticmethod
    def reads(source: object) -> bool:
        return is_frame(source) or (is_path(source) and parts(Path(str(source)))[1] in (*ENDINGS, JSONL))

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (N,T) int64, 0 after the end of shorter ones."""
        read = self._read(source, like, None)
        other = None if test is None else self._read(test, read.facts | {"domain": self.called, "options": {}}, read)
        name = "frame" if is_frame(source) else parts(existing(source))[0]
        return assemble(self, name, read, test=other, task=self.task, like=like)

    def _read(self, source: Any, like: dict[str, Any] | None, first: Source | None) -> Source:
        lines = like is not None and like.get("text") == [LINE]
        sheet = FrameSheet(source) if is_frame(source) else _sheet(existing(source), lines=lines)
        named, known = self._columns(sheet, like)
        label, groups = (known.get(option) for option in ("label", "groups"))
        unused = [name for name in sheet.columns if name not in (*named, label, groups)]
        frame = sheet.read(list(sheet.columns))
        texts = [_joined(row) for row in zip(*(_written(frame[name]) for name in named), strict=True)]
        if not texts:
            raise ValueError(f"{sheet.name} holds no text. Give a row for each example.")
        same = like is not None and like.get("domain") == self.called
        kept = like.get("tokenizer") if same and like is not None else None
        made = _tokenizer(kept, self.tokenizer, texts, self.vocab)
        ids = [each.ids for each in made.encode_batch(texts)]
        spec = first.spec if first is not None else None
        if spec is None:
            length = self.length or usual_length([len(each) for each in ids], LONGEST)
            vocab, pad = _with_pad(made)
            spec = tokens_spec(length, vocab, like if same else None, pad)
        length = spec.shape[0]
        how = "kept from before" if kept else f"from {self.tokenizer}" if self.tokenizer else "learned here"
        notes = (
            f"{sheet.name}: text in {listed([repr(name) for name in named])}.",
            f"{made.get_vocab_size():,} pieces of words, {how}.",
            *lengths_note(ids, length, "text"),
            *([f"not used, as it is not the text: {listed(unused)}."] if unused else []),
            *sheet.notes,
        )
        return Source(
            x=padded(ids, length, _with_pad(made)[1]),
            label=sheet.written(frame[label]) if label else None,
            groups=sheet.written(frame[groups]) if groups else None,
            where=sheet.where,
            label_name=f"label {label!r}",
            groups_name=f"groups {groups!r}",
            facts={"text": list(named), "label": label, "groups": groups, "tokenizer": made.to_str()},
            notes=notes,
            spec=spec,
        )

    def _columns(self, sheet: Sheet, like: dict[str, Any] | None) -> tuple[list[str], dict[str, str | None]]:
        """The columns of text; label and groups by name. Like data, the label and the groups may be away."""
        known: dict[str, str | None] = {}
        for option in ("label", "groups"):
            if is_asked(self, option, like):
                known[option] = sheet.find(getattr(self, option), option)
            else:
                before = None if like is None else like.get(option)
                known[option] = before if before in sheet.columns else None
        asked = self.text if self.text is not None else (None if like is None else like.get("text"))
        if asked is not None:
            names = [asked] if isinstance(asked, str) else list(asked)
            return [sheet.find(name, "text") for name in names], known
        rest = [name for name in sheet.columns if name not in known.values()]
        frame = sheet.read(list(sheet.columns)).head(SAMPLE)
        found = [name for name in rest if _is_text(_written(frame[name]))] or (rest if len(rest) == 1 else [])
        if not found:
            raise ValueError(
                f"{sheet.name} has no column that looks like text, got {listed(rest)}. Name it: `--data.text COL`."
            )
        return found, known


def _sheet(path: Path, lines: bool) -> Sheet:
    """`lines`: whether earlier data were lines; a .txt is lines, too, unless tabs separate it."""
    if parts(path)[1] == JSONL:
        return FrameSheet(_json_lines(path), path.name)
    if lines or _is_lines(path):
        with opened(path) as file:
            texts = [line.strip() for line in file]
        return FrameSheet(load_pandas().DataFrame({LINE: [text for text in texts if text]}), path.name)
    return FileSheet(path, "auto")


def _is_lines(path: Path) -> bool:
    if parts(path)[1] != ".txt":
        return False
    with opened(path) as file:
        some = [line.rstrip("\n") for line in islice(file, SAMPLE) if line.strip()]
    return _is_text([line.strip() for line in some]) and not all("\t" in line for line in some)


def _json_lines(path: Path) -> Any:
    rows = []
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(f"{path} has no JSON in line {number}: {error}. Write one object a line.") from error
                if not isinstance(row, dict):
                    raise ValueError(f"{path} must have an object in every line, got {type(row).__name__} in line {number}.")
                rows.append(row)
    if not rows:
        raise ValueError(f"{path} is empty. Give an object for each example.")
    return load_pandas().DataFrame(rows)


def _looks_like_text(path: Path) -> bool:
    """Whether a column of the first rows is text, or the lines of a .txt are."""
    try:
        if _is_lines(path):
            return True
        form = layout(path, "auto")
        if form.separator not in ("\t", ";", ","):
            return False
        with opened(path) as file:
            rows = [fields for _, fields in rows_of(islice(file, SAMPLE), form.separator, form.quoted)][
                1 if form.header else 0 :
            ]
    except (ValueError, OSError):
        return False
    columns = [[row[at] for row in rows if len(row) == len(form.columns)] for at in range(len(form.columns))]
    return any(map(_is_text, columns))


def _is_text(cells: Sequence[str]) -> bool:
    """Several words that are no numbers, and nearly all different."""
    there = [cell for cell in cells if cell and not is_number(cell)]
    if len(there) < 0.8 * len(cells) or not there:
        return False
    words = sum(not is_number(word.strip(",;")) for cell in there for word in cell.split())
    return words >= 2.5 * len(there) and len(set(there)) > 0.5 * len(there)


def _is_text_of(values: Any) -> bool:
    """Of a column of a frame: text, and nothing else that could be written as such."""
    some = values.head(SAMPLE).dropna().tolist()
    return all(isinstance(value, str) for value in some) and _is_text([value.strip() for value in some])


def _written(values: Any) -> list[str]:
    plain = np.asarray(values.astype(object).where(values.notna(), ""), dtype=object).tolist()
    return [str(value).strip() for value in plain]


def _with_pad(made: Any) -> tuple[int, int]:
    """How many ids there are, and the one of padding, which is one more where the tokenizer has none."""
    size = made.get_vocab_size()
    known = [made.token_to_id(name) for name in ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>")]
    pad = next((number for number in known if number is not None), size)
    return max(size, pad + 1), pad


def _joined(row: tuple[str, ...]) -> str:
    return f" {SPECIAL[2]} ".join(row)


def _tokenizer(kept: str | None, path: str | None, texts: Sequence[str], vocab: int) -> Any:
    """The one that was kept, the one in a file, or one learned from these texts."""
    try:
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    except ImportError as error:
        raise ImportError(
            "text is cut into tokens by tokenizers, which is not installed: pip install 'mixtrast[text]'."
        ) from error
    if kept is not None:
        return Tokenizer.from_str(kept)
    if path is not None:
        try:
            made = Tokenizer.from_file(str(existing(path)))
        except ValueError:
            raise
        except Exception as error:  # the library raises plain exceptions
            raise ValueError(f"{path} could not be read as a tokenizer: {error}. Give a tokenizer.json.") from error
        made.no_padding()
        made.no_truncation()
        return made
    made = Tokenizer(models.BPE(unk_token=SPECIAL[1]))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False, min_frequency=2
    )
    some = texts[:: -(-len(texts) // LEARNED_FROM)]
    made.train_from_iterator(some, trainer)
    return made
