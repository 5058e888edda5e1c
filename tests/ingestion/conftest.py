from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    place.write("leave.md", "# Leave\n\nParental leave lasts sixteen weeks.")
    place.write("hr/pay.txt", "PAY\n\nSalaries arrive on the 25th.")
    place.write("prices.csv", "item,price\nHub,99\n")
    return place
