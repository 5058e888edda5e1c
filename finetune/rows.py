"""Rows of data sets: from JSONL, JSON and CSV files and Hugging Face data sets, and back to files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, InvalidInputError
from finetune.formats import FORMATS, format_of

Row = dict[str, Any]
SPLIT = "train"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 10_000_000  # characters; the csv module's own limit is 131,072


def is_hub_id(name: str) -> bool:
    """True for `owner/name` where there is no such path and it is not written like a file of ours."""
    known = Path(name).suffix.lower() in (".jsonl", ".json", ".csv", ".tsv")
    return bool(_HUB_ID.fullmatch(name)) and not known and not Path(name).exists()


def read_rows(name: str, split: str = SPLIT) -> list[Row]:
    """The rows of a file, of a folder that `datasets` reads, or of a data set on the hub by its id.

    Raises InvalidInputError that says what is wrong, ConfigurationError where the hub cannot be reached.
    """
    path = Path(name)
    if path.is_dir() or is_hub_id(name):
        return _library_rows(name, split)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidInputError(
            f"There is no dataset at {path}. Name a JSONL or CSV file, a folder, or a data set of the "
            "Hugging Face hub as owner/name. `inhouse generate-qa` makes one of your documents."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read as UTF-8 text: {error}") from error
    if path.suffix.lower() in (".csv", ".tsv"):
        return _csv_rows(text, path)
    return _json_rows(text, path)


def _json_rows(text: str, path: Path) -> list[Row]:
    """A list, an object with a list in it, or one object a line."""
    if path.suffix.lower() == ".json":
        whole = _parsed(text, str(path))
        if isinstance(whole, dict):
            whole = next((value for value in whole.values() if isinstance(value, list)), [whole])
        rows = [(f"{path}, entry {number}", row) for number, row in enumerate(whole, 1)]
    else:
        lines = enumerate(text.split("\n"), 1)
        rows = [
            (f"{path}, line {number}", _parsed(line, f"{path}, line {number}"))
            for number, line in lines
            if line.strip()
        ]
    for where, row in rows:
        if not isinstance(row, dict):
            raise InvalidInputError(f"{where}: not a JSON object.")
    return [row for _, row in rows]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        fault = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise InvalidInputError(f"{where}: not valid JSON ({fault}).") from error


def _csv_rows(text: str, path: Path) -> list[Row]:
    """With a line of column names first, parted by comma, semicolon, tab or bar."""
    csv.field_size_limit(_LONGEST_CELL)
    head = next(csv.reader(io.StringIO(text, newline="")), [])
    for delimiter in _DELIMITERS:
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        if format_of(names):
            break
    else:
        raise InvalidInputError(
            f"{path} has the columns {', '.join(head) or 'none'}, which no known format has. Known are "
            f"{', '.join(FORMATS[1:])}; docs/tuning.md names their columns."
        )
    try:
        return [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as error:
        raise InvalidInputError(f"{path} is no readable CSV file: {error}.") from error


def _library_rows(name: str, split: str) -> list[Row]:
    """A folder that `save_to_disk` wrote, one with data files, or an id, by the `datasets` package."""
    library = _datasets()
    path = Path(name)
    try:
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            loaded = library.load_from_disk(name)
            whole = loaded if isinstance(loaded, library.DatasetDict) else {split: loaded}
            if split not in whole:
                raise ValueError(f'Unknown split "{split}". Should be one of {list(whole)}.')
            return [dict(row) for row in whole[split]]
        return [dict(row) for row in library.load_dataset(name, split=split)]
    except ConnectionError as error:
        raise ConfigurationError(
            f"The data set {name} cannot be fetched from the Hugging Face hub, and there is no copy of it "
            "here. Check the name, the network and HF_HUB_OFFLINE, or bring its files and name them."
        ) from error
    except (OSError, ValueError, RuntimeError) as error:  # of the library, its readers and its download
        fault = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInputError(f"The data set {name} cannot be read: {fault}") from error


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """As CSV by the suffix .csv, as a folder of `datasets` without a suffix, else as JSONL.

    Raises InvalidInputError where a CSV file cannot hold the rows.
    """
    from finetune import datasets

    if path.suffix.lower() == ".csv":
        datasets.write_atomically(path, _as_csv(path, rows))
    elif not path.suffix:
        _save_to_disk(path, rows)
    else:
        datasets.write_rows(path, rows)


def _as_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    for row in rows:
        if "evidence" in row:
            raise InvalidInputError(f"Evidence does not fit into {path.name}: write `pairs` as .jsonl.")
        writer.writerow(
            {
                name: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
                for name, value in row.items()
            }
        )
    return out.getvalue()


def _save_to_disk(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    library = _datasets()
    library.Dataset.from_list([dict(row) for row in rows]).save_to_disk(str(path))


def _datasets() -> Any:
    """The package, which a server does without: with it the models load a second later."""
    try:
        import datasets  # not ours: `finetune.datasets` is read by its full name
    except ImportError as error:
        raise ConfigurationError(
            "This needs the `datasets` package: pip install 'inhouse[tuning]'.", code="package_missing"
        ) from error
    datasets.disable_progress_bars()
    return datasets
