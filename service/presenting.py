"""Results as people read them on a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

_READ = 300  # characters of a question or answer in a sample
_SAID = (("Q", "question"), ("A", "answer"))
_SHARES = {
    "right": "Held-out questions done right",
    "evidence_cited": "Evidence cited",
    "over_refusal": "Declined though answerable",
    "unanswerable_refused": "Unanswerable declined",
    "offtopic_refused": "Off-topic redirected",
    "injection_refused": "Attempts to take over refused",
}


def _wrap(text: str, indent: str = "") -> str:
    width = max(40, min(100, shutil.get_terminal_size((100, 24)).columns))
    lines = [
        textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent)
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def _place(item: Mapping[str, Any]) -> str:
    title = item["title"] if item["title"] not in item["heading"] else ""
    return " · ".join(part for part in (item["source"], title, item["heading"]) if part)


def answer(payload: Mapping[str, Any]) -> str:
    parts = [_wrap(payload["answer"])]
    for citation in payload["citations"]:
        parts.append(f"[{citation['id']}] {_place(citation)}\n" + _wrap(f"“{citation['quote']}”", "    "))
    return "\n\n".join(parts)


def hits(payload: Mapping[str, Any]) -> str:
    if not payload["hits"]:
        return "Nothing found."
    return "\n\n".join(
        f"{number}. {_place(hit)}  (score {hit['score']:.3f})\n" + _wrap(hit["text"], "   ")
        for number, hit in enumerate(payload["hits"], 1)
    )


def reindexed(payload: Mapping[str, Any]) -> str:
    counts = ", ".join(
        f"{payload[name]} {name}" for name in ("added", "updated", "moved", "deleted", "unchanged")
    )
    lines = [
        f"{payload['documents']} documents, {payload['chunks']} chunks ({counts}) "
        f"in {payload['seconds']:.1f} s; index version {payload['index_version']}."
    ]
    lines += [f"Not indexed: {item['source']}: {item['error']}" for item in payload["failed"]]
    return "\n".join(lines)


def generated(payload: Mapping[str, Any]) -> str:
    parts = [
        f"{payload['pairs']} questions and {payload['refusals']} refusals written to {payload['dataset']}.",
        _counted("Kept, by how they were made", payload["methods"]),
        _counted("To decline", payload["kinds"]),
        _counted("Dropped, and why", payload["dropped"]),
        _sample(payload["sample"]),
    ]
    return "\n\n".join(part for part in parts if part)


def imported(payload: Mapping[str, Any]) -> str:
    read = ", ".join(f"{count} {form}" for form, count in payload["formats"].items())
    head = f"{payload['pairs']} pairs of {payload['rows']} rows ({read}) written to {payload['dataset']}."
    if payload["ungrounded"]:
        head += (
            f"\n{payload['grounded']} answers stand in the documents. {payload['ungrounded']} do not: "
            "`retrain` leaves them out. Index the documents that hold them, and import again."
        )
    shared = {_brief(text): count for text, count in payload["shared_answers"].items()}
    parts = [
        head,
        _counted("Pairs, by kind", payload["kinds"]),
        _counted("Dropped, and why", payload["dropped"]),
        _counted("Answers to many questions; if one declines, name it with --off-topic", shared),
        _sample(payload["sample"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _counted(head: str, counts: Mapping[str, int]) -> str:
    """A line a reason, the most frequent first; empty where nothing was counted."""
    if not counts:
        return ""
    width = len(str(max(counts.values())))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join([f"{head}:", *(f"  {count:>{width}}  {reason}" for reason, count in ordered)])


def _brief(text: str) -> str:
    """On one line, cut where it is longer than anybody reads in a sample."""
    line = " ".join(text.split())
    return line if len(line) <= _READ else f"{line[:_READ].rstrip()} …"


def _sample(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Pairs to read: the question, its answer, and where the documents say so."""
    shown = []
    for pair in pairs:
        place = f"{pair['method']}, {pair['source']}" if pair["source"] else pair["method"]
        said = [f"{mark}  {_brief(pair[name])}" for mark, name in _SAID]
        shown.append("\n".join([*(_wrap(text, "  ") for text in said), f"     ({place})"]))
    return "\n\n".join(["A sample to read:", *shown]) if shown else ""


def exported(payload: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in payload["kinds"].items())
    dropped = ", ".join(f"{count} {reason}" for reason, count in payload["dropped"].items()) or "nothing"
    lines = [
        f"{payload['exported']} of {payload['interactions']} interactions written to {payload['file']}: "
        f"{kinds}.",
        f"Dropped: {dropped}.",
    ]
    if payload["without_keywords"]:
        lines.append(f"{payload['without_keywords']} have no keywords: add what a right answer must say.")
    return "\n".join(lines)


def purged(payload: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in payload.items())
    return f"Deleted: {counts}."


def retrained(payload: Mapping[str, Any]) -> str:
    """The verdict, and a row for each share that both arms have; the rest is in `models list --json`."""
    head = f"Adapter {payload['adapter']}: {payload['reason']} ({payload['seconds']:.0f} s)"
    base, tuned = (payload["metrics"].get(arm, {}) for arm in ("base", "tuned"))
    rows = [
        [_SHARES[name], f"{base[name]:.1%}", f"{tuned[name]:.1%}"]
        for name in _SHARES
        if name in base and name in tuned
    ]
    return f"{head}\n\n{table([['', 'before', 'tuned'], *rows])}" if rows else head


def models(payload: Mapping[str, Any]) -> str:
    if not payload["models"]:
        return "No tuned adapters yet; the shipped reader answers. `inhouse retrain` makes one."
    rows = [["", "id", "kind", "base", "created"]]
    rows += [
        ["*" if m["active"] else "", m["id"], m["kind"], m["base"], str(m["created"])]
        for m in payload["models"]
    ]
    return table(rows)


def model_exported(payload: Mapping[str, Any]) -> str:
    size = payload["bytes"] / 1e6
    return f"{payload['adapter']} written to {payload['to']} ({', '.join(payload['files'])}; {size:.1f} MB)."


def key_created(payload: Mapping[str, Any]) -> str:
    return (
        f"{payload['key']}\n\n"
        f"This is the key of {payload['name']} (id {payload['id']}). It is stored nowhere and shown only now."
    )


def keys(payload: Mapping[str, Any]) -> str:
    if not payload["keys"]:
        return "No keys yet: only this machine is served. `inhouse keys create NAME` makes one."
    rows = [["id", "name", "state", "scopes", "groups", "created", "expires", "last used"]]
    rows += [
        [
            *(row[name] for name in ("id", "name", "state")),
            *(", ".join(row[name]) for name in ("scopes", "groups")),
            *(row[name] or "never" for name in ("created", "expires", "last_used")),
        ]
        for row in payload["keys"]
    ]
    return table(rows)


def status(payload: Mapping[str, Any]) -> str:
    running = "; ".join(f"{job['kind']} {_state(job)}" for job in payload.get("jobs", ())) or "none"
    shown = {**payload, "jobs": running}
    return table([[name.replace("_", " "), str(value)] for name, value in shown.items()])


def jobs(payload: Mapping[str, Any]) -> str:
    if not payload["jobs"]:
        return "No jobs yet."
    rows = [["id", "kind", "created", "state"]]
    rows += [[job["id"], job["kind"], job["created"], _state(job)] for job in payload["jobs"]]
    return table(rows)


def job(payload: Mapping[str, Any]) -> str:
    lines = [f"{payload['kind']} {payload['id']}: {_state(payload)}"]
    return "\n".join([*lines, *(f"{line['time']}  {line['line']}" for line in payload["lines"])])


def _state(job: Mapping[str, Any]) -> str:
    progress = job["progress"] or {}
    if job["error"]:
        return f"{job['state']}: {job['error']}"
    if job["state"] == "running" and progress:
        of = f" of {progress['total']}" if progress["total"] else ""
        left = progress["seconds_left"]
        return f"running, {progress['done']}{of} {progress['unit']}" + (f", {left} s left" if left else "")
    return str(job["state"])


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
