"""What more questions are worth: trainings on growing shares of them, measured on held-out documents.

python -m finetune.learning_curve [--shares 0.1 0.3 1] [--data-dir DIR]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from core.settings import FinetuneSettings
from finetune.trials import Variant, command

SHARES = (0.1, 0.3, 1.0)


def by_share(settings: FinetuneSettings, shares: Sequence[float]) -> list[Variant]:
    return [Variant(f"{share:.0%}", settings, share) for share in shares]


def main(argv: Sequence[str] | None = None) -> int:
    return command(__doc__ or "", "share", SHARES, by_share, argv)


if __name__ == "__main__":
    sys.exit(main())
