"""Office files are zip archives of XML parts: which kind one is, and that it unpacks to a sane size."""

from __future__ import annotations

import io
import zipfile
import zlib

from core.errors import SourceError
from core.settings import IngestionSettings
from ingestion.loaders.limits import over_limit

_BLOCK = 1 << 20
_ENCRYPTED = 0x1  # in a member's flags
_MOST_SHRUNK = 200  # times; Office parts shrink to between 1/5 and 1/30
_SMALL = 10_000_000  # bytes that a part may have however much it shrank
_KINDS = {  # the folder of an archive's main part -> the format
    "word/document": ".docx",
    "ppt/presentation": ".pptx",
    "xl/workbook.bin": ".xlsb",
    "xl/workbook": ".xlsx",
}
_OPEN_DOCUMENT = {"text": ".odt", "spreadsheet": ".ods", "presentation": ".odp"}


def archive_kind(data: bytes) -> str:
    """`.docx`, `.pptx`, `.xlsx`, ... as the parts of the archive say; empty where it is another archive.

    Raises SourceError where it is no readable archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    mime = member.read(100).decode("ascii", "replace").strip()
                if mime == "application/epub+zip":
                    return ".epub"
                return _OPEN_DOCUMENT.get(mime.removeprefix("application/vnd.oasis.opendocument."), "")
            if "[Content_Types].xml" not in names:
                return ""
            with archive.open("[Content_Types].xml") as member:
                if b"ms-word.document.macroEnabled" in member.read(_BLOCK):
                    return ".docm"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, ValueError) as error:
        raise SourceError(f"It is damaged ({error}).") from error
    return next((kind for part, kind in _KINDS.items() if any(name.startswith(part) for name in names)), "")


def check_unpacked(data: bytes, settings: IngestionSettings) -> None:
    """Unpacks every part without keeping it, so that no header needs to be believed.

    Raises SourceError where the parts are larger together than `max_unpacked_mb`, where one shrank as no
    real document does, or where one declares entities (the Open Packaging Conventions forbid it).
    """
    left = int(settings.max_unpacked_mb * 1e6)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                left -= _unpacked_size(archive, info, left, settings)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError, ValueError) as error:
        raise SourceError(f"It is damaged ({error}).") from error


def _unpacked_size(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, left: int, settings: IngestionSettings
) -> int:
    if info.flag_bits & _ENCRYPTED:
        raise SourceError("It is encrypted; save it without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceError("It is packed as no Office program packs; save it again as an Office file.")
    is_xml = info.filename.lower().endswith((".xml", ".rels"))
    size = 0
    with archive.open(info) as member:
        while block := member.read(_BLOCK):
            size += len(block)
            if size > left:
                limit = settings.max_unpacked_mb
                raise over_limit(f"more than {limit:g} MB unpacked", "max_unpacked_mb", f"{limit:g} MB")
            if is_xml and size > max(_SMALL, _MOST_SHRUNK * info.compress_size):
                raise SourceError(f"Its part {info.filename} grows without end; it is not a real document.")
            if is_xml and b"<!DOCTYPE" in block.replace(b"\0", b""):
                raise SourceError(
                    f"Its part {info.filename} declares entities; save it again as an Office file."
                )
    return size
