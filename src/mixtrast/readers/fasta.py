from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixtrast.data import TASKS, Dataset, Schema, TaskOption
from mixtrast.readers._assemble import assemble
from mixtrast.readers._packed import opened, stem_and_ending
from mixtrast.readers._reader import Reader
from mixtrast.readers._sheet import FileSheet
from mixtrast.readers._source import Source, existing_file
from mixtrast.readers._tokens import PAD, length_notes, padded, tokens_spec
from mixtrast.text import count, listed
from mixtrast.validation import check_choice, check_whole

ALPHABETS = {"bases": "ACGTN", "residues": "ACDEFGHIKLMNPQRSTVWYX"}  # the last letter stands for an unknown one
LEFT_OUT = "-*."  # gaps of alignments, and stops
LONGEST = 1_024


class Fasta(Reader):
    """Sequences in a FASTA file: bases or residues, one token a letter.

    Small letters are read as capitals, and a letter outside the alphabet as an unknown one (N or X); notes count both. Labels
    are in the headers, or in a table.

    Args:
        label: "last" or "first", that word of the header after its id (words end at spaces and |), or its number, 2 and up; or
            the column of `table`. None: there is no label.
        table: a .csv whose first column has the ids of the headers.
        groups: like `label`, for what stays in one part of a split, such as families.
        length: letters of an example; None: the length of 95 % of the sequences, at most 1,024.
        task: what the label is; "auto" decides by its values, with a note.
    """

    sources = "FASTA files"
    endings = (".fasta", ".fa", ".fna", ".faa", ".ffn")

    def __init__(
        self,
        *,
        label: str | None = None,
        table: str | None = None,
        groups: str | None = None,
        length: int | None = None,
        task: TaskOption = "auto",
    ) -> None:
        check_choice("task", task, TASKS)
        check_whole("Fasta", length=1 if length is None else length)
        self.label, self.table, self.groups, self.length, self.task = label, table, groups, length, task

    def load(self, source: Any, *, test: Any = None, schema: Schema | None = None) -> Dataset:
        """Read x (N,T) int64: 1 and up for letters, 0 after the end of shorter sequences."""
        path = existing_file(source)
        first = self._read(path, schema, lenient=schema is not None)
        second = None if test is None else self._read(existing_file(test), first.schema, lenient=False)
        return assemble(stem_and_ending(path)[0], first, test=second, task=self.task, schema=schema)

    def _read(self, path: Path, schema: Schema | None, *, lenient: bool) -> Source:
        """Return a file as a source. `lenient`: label and groups may be missing."""
        file = read(path)
        earlier = schema if schema is not None and schema.alphabet in ALPHABETS else None
        kind = _alphabet(file) if earlier is None or earlier.alphabet is None else earlier.alphabet
        ids, notes = _ids(file, ALPHABETS[kind])
        spec = tokens_spec(ids, len(ALPHABETS[kind]) + 1, earlier, length=self.length, longest=LONGEST)
        wanted = {option: value for option in ("label", "groups") if (value := getattr(self, option)) is not None}
        try:
            found = {option: self._column(file, value, option) for option, value in wanted.items()}
        except (ValueError, FileNotFoundError):
            if not lenient:
                raise
            found = {}
        size = f"{path.name}: {count(len(ids), 'sequence')} of {kind}."
        return Source(
            x=padded(ids, spec.length),
            schema=replace(self.schema_of(spec), alphabet=kind),
            where=lambda row: f"sequence {file.heads[row].split()[0]!r} (line {file.lines[row]:,})",
            label=found.get("label"),
            groups=found.get("groups"),
            label_name=f"label {self.label!r}",
            groups_name=f"groups {self.groups!r}",
            notes=(size, *notes, *length_notes(ids, spec.length, "sequence")),
        )

    def _column(self, file: FastaFile, position: str, option: str) -> np.ndarray:
        """Return a word of each header, or a column of the table by the ids."""
        if self.table is not None:
            return _from_table(file, existing_file(self.table), position, option)
        found = []
        for head, line in zip(file.heads, file.lines, strict=True):
            words = [word for word in re.split(r"[\s|]+", head) if word]
            at = {"first": 1, "last": len(words) - 1}.get(position, int(position) - 1 if position.isdigit() else -1)
            if not 0 < at < len(words):
                raise ValueError(
                    f"{file.path} has no word {position!r} for `{option}` in the header in line {line}: {head[:60]!r}. Use "
                    "`first`, `last` or a number, 2 and up, or a table of labels: `--data.table labels.csv`."
                )
            found.append(words[at])
        return np.array(found, dtype=object)


@dataclass
class FastaFile:
    """A file as written: headers without >, sequences, and the line of each header."""

    path: Path
    heads: list[str] = field(default_factory=list)
    sequences: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read(path: Path) -> FastaFile:
    """Return the sequences of a file. Raises: ValueError with the line."""
    found, body = FastaFile(path), list[str]()
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
                    raise ValueError(f"{path} has letters in line {number} before a header. Begin it with a line >name.")
                body.append(line.replace(" ", ""))
    if not found.heads:
        raise ValueError(f"{path} holds no sequence: no line begins with >. Is it a FASTA file?")
    found.sequences.append("".join(body))
    return found


def _alphabet(file: FastaFile) -> str:
    """Return "bases" where nine of ten letters are bases, else "residues"."""
    letters = Counter("".join(sequence.upper() for sequence in file.sequences[:1000]))
    total = sum(many for letter, many in letters.items() if letter.isalpha())
    bases = sum(letters[letter] for letter in "ACGTUN")
    return "bases" if bases >= 0.9 * max(1, total) else "residues"


def _ids(file: FastaFile, alphabet: str) -> tuple[list[np.ndarray], list[str]]:
    """Return the ids of each sequence, and notes on small and unknown letters."""
    code = np.full(256, len(alphabet), dtype=np.int64)  # unknown, the last letter
    for at, letter in enumerate(alphabet, 1):
        code[[ord(letter), ord(letter.lower())]] = at
    code[[ord(letter) for letter in LEFT_OUT]] = PAD
    if alphabet == ALPHABETS["bases"]:
        code[[ord("U"), ord("u")]] = code[ord("T")]  # of RNA
    known = np.isin(np.arange(256), [ord(letter) for letter in alphabet + alphabet.lower()])
    small = unknown = 0
    strange: set[str] = set()
    ids = []
    for sequence in file.sequences:
        raw = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)
        own = code[raw]
        ids.append(own[own != PAD])
        small += int(((raw >= ord("a")) & (raw <= ord("z"))).sum())
        odd = raw[(own == len(alphabet)) & ~known[raw]]
        unknown += len(odd)
        strange.update(map(chr, np.unique(odd).tolist()))
    notes = [f"{count(small, 'small letter')}: read as capitals."] if small else []
    if unknown:
        kinds = listed([repr(letter) for letter in sorted(strange)])
        notes.append(f"{count(unknown, 'letter')} outside the alphabet ({kinds}): read as {alphabet[-1]}, an unknown letter.")
    return ids, notes


def _from_table(file: FastaFile, path: Path, name: str, option: str) -> np.ndarray:
    """Return a column of a table, by the ids of the sequences."""
    # An id is the first word, or any of those between | in it, as UniProt writes sp|P00001|NAME.
    words = [[head.split()[0], *re.split(r"[|]+", head.split()[0])] for head in file.heads]
    sheet = FileSheet(path, "auto")
    if sheet.header and any(sheet.columns[0] in each for each in words):
        sheet = FileSheet(path, "no")  # its first row is an example
    column, key = sheet.find(name, option), sheet.columns[0]
    frame = sheet.read(list(sheet.columns))
    by_id = dict(zip(frame[key].astype(str).str.strip(), sheet.column_values(frame[column]).tolist(), strict=True))
    ids = [next((word for word in each if word in by_id), each[0]) for each in words]
    lacking = [each for each in ids if each not in by_id]
    if len(lacking) == len(ids):
        raise ValueError(
            f"{path} names none of the sequences of {file.path}: its first column, {key!r}, must have their ids, such as "
            f"{ids[0]!r}. Put the ids first."
        )
    return np.array([by_id.get(each) for each in ids], dtype=object)
