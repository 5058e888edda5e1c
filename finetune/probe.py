"""Which learning rate suits these documents: one training each, measured on held-out documents.

python -m finetune.probe [--rates 5e-5 1e-4 3e-4 1e-3] [--data-dir DIR]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from core.settings import FinetuneSettings
from finetune.trials import Variant, command

RATES = (5e-5, 1e-4, 3e-4, 1e-3)


def by_rate(settings: FinetuneSettings, rates: Sequence[float]) -> list[Variant]:
    return [Variant(f"{rate:g}", settings.model_copy(update={"learning_rate": rate})) for rate in rates]


def main(argv: Sequence[str] | None = None) -> int:
    return command(__doc__ or "", "rate", RATES, by_rate, argv)


if __name__ == "__main__":
    sys.exit(main())
