"""What to say about a source that no domain takes."""

from __future__ import annotations

from pathlib import Path

from mixtrast.domains._words import nearest

UNDERSTOOD = (
    ".npz; .csv, .tsv, .txt and .data, also packed as .gz, .bz2, .xz or .zip; .parquet; .ts; .jsonl; FASTA; folders of images, "
    "of tiles or of sounds; hf:owner/name; arrays and tensors, (x, y) tuples and dictionaries of them; pandas DataFrames"
)


def refuse(source: object, built_in: list[str]) -> Exception:
    """The exception to raise: it says what the source is, what is understood, and the nearest name."""
    understood = f"Understood are: sets by name (mixtrast list datasets); {UNDERSTOOD}."
    if not isinstance(source, (str, Path)):
        way = " Make it an array with `numpy.asarray`." if isinstance(source, (list, tuple)) else ""
        return TypeError(
            f"a source of data must be a name, a path, arrays or a DataFrame, got {type(source).__name__}.{way} {understood}"
        )
    if "://" in str(source):
        return ValueError(f"{source} is an address, and nothing is downloaded. Save the file, and give its path.")
    path = Path(source).expanduser()
    ending = "".join(path.suffixes[-2:]) if path.suffix.lower() in (".gz", ".bz2", ".xz", ".zip") else path.suffix
    if path.exists():
        what = f"its ending {ending!r} is" if ending else "files without an ending are"
        return ValueError(f"{path} cannot be read: {what} not read yet. {understood}")
    if ending or len(path.parts) > 1:
        near = nearest(str(source), built_in)
        return FileNotFoundError(f"there is no file {path}.{near} {understood}")
    return ValueError(f"there is no data set {str(source)!r}, and no file.{nearest(str(source), built_in)} {understood}")
