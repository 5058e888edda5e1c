"""How sure a mean is, and a difference of means, where values come in clusters.

Questions about one document share its fate, so documents are resampled, not questions (cluster bootstrap:
Davison and Hinkley 1997, section 3.8). With few documents a percentile interval is too narrow; it is widened
to the expanded one of Hesterberg (2015, "What teachers should know about the bootstrap").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

SEED = 13
RESAMPLES = 2000
LEVEL = 0.95
# Below, no interval is printed: of five clusters no sign-flip test reaches p < 0.05 (2 x 0.5^5 = 0.06).
FEWEST_CLUSTERS = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95% interval; None where there are too few clusters for one."""

    mean: float
    low: float | None
    high: float | None
    standard_error: float | None


def mean_interval(values: Sequence[float] | Floats, clusters: Sequence[str], *, seed: int = SEED) -> Interval:
    """Cluster bootstrap of a mean. values and clusters: (n,), n >= 1."""
    sums, sizes = by_cluster(values, clusters)
    mean = float(sums.sum() / sizes.sum())
    count = len(sums)
    if count < FEWEST_CLUSTERS:
        return Interval(mean, None, None, None)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    means = (draws @ sums) / (draws @ sizes)
    tail = widened_tail(count)
    low, high = np.quantile(means, (tail, 1 - tail))
    return Interval(mean, float(low), float(high), float(means.std() * math.sqrt(count / (count - 1))))


def sign_flip_p_value(
    differences: Sequence[float] | Floats, clusters: Sequence[str], *, seed: int = SEED
) -> float:
    """Were the arms equal, any document's sum could have the other sign: how often is |total| as big then?"""
    sums, _ = by_cluster(differences, clusters)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(RESAMPLES, len(sums)))
    extreme = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9
    return float((extreme.sum() + 1) / (RESAMPLES + 1))


def by_cluster(values: Sequence[float] | Floats, clusters: Sequence[str]) -> tuple[Floats, Floats]:
    """Sum and size of each cluster, (clusters,) each."""
    _, places = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(places, weights=np.asarray(values, dtype=np.float64))
    return sums.astype(np.float64), np.bincount(places).astype(np.float64)


def widened_tail(clusters: int) -> float:
    """What to read off instead of the 2.5th percentile: Phi(-sqrt(n / (n - 1)) t), with n - 1 degrees."""
    return NormalDist().cdf(-math.sqrt(clusters / (clusters - 1)) * student_t((1 + LEVEL) / 2, clusters - 1))


def student_t(probability: float, degrees: int) -> float:
    """Quantile of Student's t by Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5); degrees >= 4."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / degrees**power for power, term in enumerate(terms, 1))
