"""The folders import each other in one direction only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "core": {"core"},
    "ingestion": {"core", "ingestion"},
    "finetune": {"core", "finetune"},
    "eval": {"core", "eval"},
    "service": {"core", "service", "ingestion", "finetune", "eval"},
}
# Standard library and core only: what says which adapter is active.
REGISTRY = "finetune.registry"
# The recipe of the shipped reader indexes the practice handbooks with the real ingestion, and the ingestion
# benchmark measures it. The figures of a model of our own are measured as everything else is.
EXCEPTIONS = {
    "finetune/reader_data.py": {"ingestion.indexing"},
    "finetune/pretraining/figures.py": {"eval.matching", "eval.reader_benchmark"},
    "eval/benchmarks/fidelity.py": {"ingestion.chunking"},
    "eval/benchmarks/folders.py": {"ingestion.discovery"},
    "eval/benchmarks/speed.py": {"ingestion.indexing"},
    "eval/benchmarks/upkeep.py": {"ingestion.indexing"},
}


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    wrong = []
    for path in (ROOT / folder).rglob("*.py"):
        allowed = EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), set()) | {REGISTRY}
        for module in imported_modules(path):
            top = module.split(".")[0]
            if top in MAY_IMPORT and top not in MAY_IMPORT[folder] and module not in allowed:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_the_registry_needs_only_the_standard_library_and_core() -> None:
    tops = {module.split(".")[0] for module in imported_modules(ROOT / "finetune/registry.py")}
    assert tops.isdisjoint({"torch", "transformers", "peft", "chromadb", "ingestion", "eval", "service"})


def test_only_the_settings_and_the_entry_point_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in MAY_IMPORT
        for path in (ROOT / folder).rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8")
    }
    assert readers <= {"core/settings.py", "core/guards.py", "service/environment.py"}


def test_there_is_no_module_without_a_subject() -> None:
    vague = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}
    assert [
        path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py") if path.name in vague
    ] == []
