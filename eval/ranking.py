"""How well an ordered list of hits finds evidence. A hit counts for a quote that no hit before it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from eval.matching import holds_quote


def found_at(folded_texts: Sequence[str], quotes: Sequence[str]) -> list[int | None]:
    """For each quote the rank, from 1, of the first hit that holds it."""
    return [
        next((rank for rank, text in enumerate(folded_texts, 1) if holds_quote([text], quote)), None)
        for quote in quotes
    ]


def recall(ranks: Sequence[int | None], k: int) -> float | None:
    """Share of the quotes that stand in the first k hits; None without quotes."""
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks) if ranks else None


def reciprocal_rank(ranks: Sequence[int | None], k: int) -> float | None:
    """1 / rank of the first hit, among the first k, that holds a quote; else 0."""
    if not ranks:
        return None
    first = min((rank for rank in ranks if rank is not None), default=k + 1)
    return 1 / first if first <= k else 0.0


def ndcg(ranks: Sequence[int | None], k: int) -> float | None:
    """nDCG@k with binary relevance (Järvelin and Kekäläinen 2002): the relevant hits are those that hold a
    quote first, and one for each quote that no hit holds.
    """
    if not ranks:
        return None
    relevant = {rank for rank in ranks if rank is not None}
    wanted = len(relevant) + sum(rank is None for rank in ranks)
    gained = math.fsum(_discount(rank) for rank in sorted(relevant) if rank <= k)
    return gained / math.fsum(_discount(rank) for rank in range(1, min(wanted, k) + 1))


def _discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)
