"""All arms against each other: win rates, and strengths on the scale of Elo, with intervals.

Of two arms the one wins a question that gets it right where the other does not; both right or both wrong is a
tie, half a win each. Strengths are those of Bradley and Terry (1952), found by minorization (Hunter 2004),
400 points a factor of ten in the odds, 1000 on average. Documents are resampled, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.statistics import FEWEST_CLUSTERS, SEED, widened_tail
from eval.metrics import Sample

RESAMPLES = 1000
MEAN_ELO = 1000.0
_VIRTUAL = 0.5  # wins each way in every pair, so that an arm which never wins has a finite strength
_STEPS = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standing:
    """One arm among all. The limits are None where there are too few clusters."""

    arm: str
    win_rate: float  # share of the questions won from the other arms, ties as half
    win_rate_low: float | None
    win_rate_high: float | None
    elo: float
    elo_low: float | None
    elo_high: float | None


def standings(arms: Mapping[str, Sequence[Sample]], *, seed: int = SEED) -> list[Standing]:
    """Best first; empty with fewer than two arms or where no question is judged in all of them."""
    judged = [row for row in zip(*arms.values(), strict=True) if all(s.right is not None for s in row)]
    if len(arms) < 2 or not judged:
        return []
    right = np.array([[float(bool(sample.right)) for sample in row] for row in judged])
    wins = 0.5 + 0.5 * np.sign(right[:, :, None] - right[:, None, :])  # (questions, arms, arms)
    _, places = np.unique([row[0].cluster for row in judged], return_inverse=True)
    by_cluster = np.zeros((places.max() + 1, len(arms), len(arms)))
    np.add.at(by_cluster, places, wins)
    count = len(by_cluster)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    totals = np.concatenate([by_cluster.sum(axis=0)[None], np.einsum("rc,cij->rij", draws, by_cluster)])
    rates, elos = win_rates(totals), elo(totals)
    tail = widened_tail(count) if count >= FEWEST_CLUSTERS else None
    found = [_standing(name, rates[:, n], elos[:, n], tail) for n, name in enumerate(arms)]
    return sorted(found, key=lambda standing: -standing.elo)


def win_rates(wins: Floats) -> Floats:
    """wins: (samples, arms, arms), of the row's arm over the column's. (samples, arms)"""
    off = wins * (1 - np.eye(wins.shape[1]))
    won, lost = off.sum(axis=2), off.sum(axis=1)
    rates: Floats = won / (won + lost)
    return rates


def elo(wins: Floats) -> Floats:
    """(samples, arms) of (samples, arms, arms)."""
    arms = wins.shape[1]
    won = (wins + _VIRTUAL) * (1 - np.eye(arms))
    games = won + won.transpose(0, 2, 1)
    strength = np.ones(wins.shape[:2])
    for _ in range(_STEPS):
        expected = (games / (strength[:, :, None] + strength[:, None, :])).sum(axis=2)
        strength = won.sum(axis=2) / expected
        strength /= np.exp(np.log(strength).mean(axis=1, keepdims=True))
    points: Floats = MEAN_ELO + 400 * np.log10(strength)
    return points


def _standing(name: str, rates: Floats, elos: Floats, tail: float | None) -> Standing:
    rate, points = _limits(rates[1:], tail), _limits(elos[1:], tail)
    return Standing(
        arm=name,
        win_rate=round(float(rates[0]), 4),
        win_rate_low=rate[0],
        win_rate_high=rate[1],
        elo=round(float(elos[0]), 1),
        elo_low=points[0],
        elo_high=points[1],
    )


def _limits(resampled: Floats, tail: float | None) -> tuple[float | None, float | None]:
    if tail is None:
        return None, None
    low, high = np.quantile(resampled, (tail, 1 - tail))
    return round(float(low), 4), round(float(high), 4)
