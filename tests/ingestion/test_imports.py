from __future__ import annotations

import subprocess
import sys

HEAVY = ["torch", "transformers", "chromadb", "langchain_core", "docx", "openpyxl", "pypdf", "sqlalchemy"]


def test_a_sync_that_finds_nothing_changed_needs_no_parser_and_no_model() -> None:
    script = f"import sys, ingestion.indexing, core.bootstrap; print(sys.modules.keys() & {HEAVY})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
