from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.checks import check_choice
from mixtrast.domains._assemble import Source, assemble, existing, is_path
from mixtrast.domains._data import Data, Domain
from mixtrast.domains._labels import ASKED, Asked
from mixtrast.domains._lines import PAD, lengths_note, padded, tokens_spec, usual_length
from mixtrast.domains._sheet import FileSheet
from mixtrast.domains._text import opened, parts
from mixtrast.domains._words import count, listed

ENDINGS = (".fasta", ".fa", ".fna", ".faa", ".ffn")
ALPHABETS = {"bases": "ACGTN", "residues": "ACDEFGHIKLMNPQRSTVWYX"}  # the last letter stands for what is not known
LIKE = {"-": "", "*": "", ".": ""}  # gaps of alignments and stops are left out; U of RNA is T
LONGEST = 1_024


class Fasta(Domain):
    """Sequences in a FASTA file: bases or residues, a token a letter.

    Small letters are the same letters, and a letter that is none of the alphabet stands for something unknown (N or X); both
    are counted. Labels stand in the headers, or in a table beside.

    Args:
        label: "last" or "first", that word of the header after its id (words end at spaces and |), or its number, 2 and up; or
            the column of `table`. None: there is no label.
        table: a .csv whose first column has the ids of the headers.
        groups: likewise, what stays in one split, as families do.
        length: letters of an example; None: as many as 95 of 100 have, at most 1,024.
        task: what the label is; "auto" looks at it.
    """

    def __init__(
        self,
        *,
        label: str | None = None,
        table: str | None = None,
        groups: str | None = None,
        length: int | None = None,
        task: Asked = "auto",
    ) -> None:
        check_choice("task", task, ASKED)
        if length is not None and (not isinstance(length, int) or isinstance(length, bool) or length < 1):
            raise ValueError(f"`length` of Fasta must be a whole number, 1 or more, got {length!r}.")
        self.label, self.table, self.groups, self.length, self.task = label, table, groups, length, task

    @staticmethod
    def takes(source: object) -> bool:
        return is_path(source) and parts(Path(str(source)))[1] in ENDINGS

    def load(self, source: Any, *, test: Any = None, like: dict[str, Any] | None = None) -> Data:
        """x (N,T) int64: 1 and up for letters, 0 after the end of shorter ones."""
        path = existing(source)
        read = self._read(path, like)
        other = None if test is None else self._read(existing(test), {**read.facts, "spec": None}, read)
        return assemble(self, parts(path)[0], read, test=other, task=self.task, like=like)

    def _read(self, path: Path, like: dict[str, Any] | None, first: Source | None = None) -> Source:
        written = read(path)
        same = like is not None and like.get("alphabet") in ALPHABETS
        kind = like["alphabet"] if same and like is not None else _alphabet(written)
        ids, notes = _ids(written, ALPHABETS[kind])
        spec = first.spec if first is not None else None
        if spec is None:
            length = self.length or usual_length([len(each) for each in ids], LONGEST)
            spec = tokens_spec(length, len(ALPHABETS[kind]) + 1, like if same else None)
        asked = {option: getattr(self, option) for option in ("label", "groups") if getattr(self, option) is not None}
        try:
            found = {option: self._column(written, value, option) for option, value in asked.items()}
        except (ValueError, FileNotFoundError):
            if like is None or first is not None:
                raise
            found = {}  # of more data, what is to be predicted may be away
        return Source(
            x=padded(ids, spec.shape[0]),
            label=found.get("label"),
            groups=found.get("groups"),
            where=lambda row: f"sequence {written.heads[row].split()[0]!r} (line {written.lines[row]:,})",
            label_name=f"label {self.label!r}",
            groups_name=f"groups {self.groups!r}",
            facts={"alphabet": kind},
            notes=(
                f"{path.name}: {count(len(ids), 'sequence')} of {kind}.", *notes, *lengths_note(ids, spec.shape[0], "sequence")
            ),
            spec=spec,
        )  # fmt: skip

    def _column(self, written: Written, asked: str, option: str) -> np.ndarray:
        """A word of each header, or a column of the table, by the ids."""
        if self.table is not None:
            return _from_table(written, existing(self.table), asked, option)
        found = []
        for head, line in zip(written.heads, written.lines, strict=True):
            words = [word for word in re.split(r"[\s|]+", head) if word]
            at = {"first": 1, "last": len(words) - 1}.get(asked, int(asked) - 1 if asked.isdigit() else -1)
            if not 0 < at < len(words):
                raise ValueError(
                    f"{written.path} has no word {asked!r} for `{option}` in the header in line {line}: {head[:60]!r}. Use "
                    "`first`, `last` or a number of 2 and up, or a table of labels: `--data.table labels.csv`."
                )
            found.append(words[at])
        return np.array(found, dtype=object)


@dataclass
class Written:
    """A file: headers without >, sequences, and the line of each header."""

    path: Path
    heads: list[str] = field(default_factory=list)
    sequences: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read(path: Path) -> Written:
    """The sequences of a file. Raises: ValueError with the line."""
    found, body = Written(path), list[str]()
    with opened(path) as text:
        for number, raw in enumerate(text, 1):
            line = raw.strip()
            if line.startswith(">"):
                if found.heads:
                    found.sequences.append("".join(body))
                body = []
                found.heads.append(line[1:].strip() or f"{len(found.heads) + 1}")
                found.lines.append(number)
            elif line and not line.startswith(";"):
                if not found.heads:
                    raise ValueError(
                        f"{path} has letters in line {number} before a header. A sequence begins with a line >name."
                    )
                body.append(line.replace(" ", ""))
    if not found.heads:
        raise ValueError(f"{path} holds no sequence: no line begins with >. Is it a FASTA file?")
    found.sequences.append("".join(body))
    return found


def _alphabet(written: Written) -> str:
    """Bases where nine of ten letters are."""
    letters = Counter("".join(sequence.upper() for sequence in written.sequences[:1000]))
    total = sum(many for letter, many in letters.items() if letter.isalpha())
    bases = sum(letters[letter] for letter in "ACGTUN")
    return "bases" if bases >= 0.9 * max(1, total) else "residues"


def _ids(written: Written, alphabet: str) -> tuple[list[np.ndarray], list[str]]:
    """Of each sequence, and notes on small and unknown letters."""
    code = np.full(256, len(alphabet), dtype=np.int64)  # unknown, the last letter
    for at, letter in enumerate(alphabet, 1):
        code[[ord(letter), ord(letter.lower())]] = at
    for letter, other in (LIKE | ({"U": "T"} if alphabet == ALPHABETS["bases"] else {})).items():
        code[[ord(letter), ord(letter.lower())]] = code[ord(other)] if other else PAD
    small = unknown = 0
    strange: Counter[str] = Counter()
    ids = []
    for sequence in written.sequences:
        raw = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)
        ours = code[raw]
        ids.append(ours[ours != PAD])
        small += int(((raw >= ord("a")) & (raw <= ord("z"))).sum())
        known = np.isin(raw, [ord(letter) for letter in alphabet + alphabet.lower()])
        odd = raw[(ours == len(alphabet)) & ~known]
        unknown += len(odd)
        strange.update(chr(letter) for letter in np.unique(odd).tolist())
    notes = [f"{count(small, 'small letter')}: read as the same letters."] if small else []
    if unknown:
        kinds = listed([repr(letter) for letter in sorted(strange)])
        notes.append(f"{count(unknown, 'letter')} of no known kind ({kinds}): taken as {alphabet[-1]}, which stands for any.")
    return ids, notes


def _from_table(written: Written, path: Path, asked: str, option: str) -> np.ndarray:
    # An id is the first word, or any of those between | in it, as UniProt writes sp|P00001|NAME.
    words = [[head.split()[0], *re.split(r"[|]+", head.split()[0])] for head in written.heads]
    sheet = FileSheet(path, "auto")
    if sheet.header and any(sheet.columns[0] in each for each in words):
        sheet = FileSheet(path, "no")  # its first row is an example
    column, key = sheet.find(asked, option), sheet.columns[0]
    frame = sheet.read(list(sheet.columns))
    by_id = dict(zip(frame[key].astype(str).str.strip(), sheet.written(frame[column]).tolist(), strict=True))
    ids = [next((word for word in each if word in by_id), each[0]) for each in words]
    lacking = [name for name in ids if name not in by_id]
    if len(lacking) == len(ids):
        raise ValueError(
            f"{path} names none of the sequences of {written.path}: its first column, {key!r}, should have their ids, such as "
            f"{ids[0]!r}. Put the ids first."
        )
    return np.array([by_id.get(name) for name in ids], dtype=object)
