#!/usr/bin/python3
"""Writes bench/verdict/testdata/statistics.txt: what SciPy, or plain enumeration,
makes of samples that netstall's own statistics are then tested on.

    apt-get install python3-scipy        # made with SciPy 1.10.1, Debian 12
    scripts/statistics_fixtures.py > bench/verdict/testdata/statistics.txt

The tests read the committed file and need no Python. A line is a kind, then
fields divided by '|'; numbers within a field by spaces.
"""

import itertools
import random

import numpy as np
from scipy import stats


def text(values):
    return " ".join(repr(float(v)) for v in values)


def line(kind, *fields):
    print("|".join([kind, *(text(np.atleast_1d(f)) for f in fields)]))


def mann_whitney(a, b):
    """Exact where untied; else all exchanges of the arms, as SciPy's permutation_test."""
    if len(set(a) | set(b)) == len(a) + len(b):
        return stats.mannwhitneyu(a, b, alternative="two-sided", method="exact").pvalue
    ranks = stats.rankdata(np.concatenate([a, b]))
    test = stats.permutation_test(
        (ranks[: len(a)], ranks[len(a):]),
        lambda x, y, axis: np.sum(x, axis=axis),
        permutation_type="independent", n_resamples=np.inf, vectorized=True,
        alternative="two-sided")
    return min(1.0, test.pvalue)


def within_blocks(blocks):
    """Aligned ranks, every exchange within every block, by plain enumeration."""
    whole = [np.array(list(a) + list(b)) for a, b in blocks]
    values = []
    for k, both in enumerate(whole):
        level = np.median(np.concatenate(whole[max(k - 1, 0): k + 2]))
        values.append(np.round(both - level, 10))
    ranks = stats.rankdata(np.concatenate(values))
    sums = np.zeros(1)
    observed = 0.0
    at = 0
    for a, b in blocks:
        mine = ranks[at: at + len(a) + len(b)]
        observed += mine[: len(a)].sum()
        choices = [sum(c) for c in itertools.combinations(mine, len(a))]
        sums = np.add.outer(sums, np.array(choices)).ravel()
        at += len(a) + len(b)
    lower = np.mean(sums <= observed + 1e-9)
    upper = np.mean(sums >= observed - 1e-9)
    return min(1.0, 2 * min(lower, upper))


def shift(a, b):
    """The median difference, and the shifts that SciPy's exact test does not reject."""
    differences = np.sort(np.subtract.outer(b, a).ravel())
    # One point in each gap between differences, and one beyond each end.
    points = np.concatenate([[differences[0] - 1], (differences[1:] + differences[:-1]) / 2,
                             [differences[-1] + 1]])
    accepted = [i for i, d in enumerate(points) if stats.mannwhitneyu(
        a, b - d, alternative="two-sided", method="exact").pvalue > 0.05]
    if accepted[0] == 0:
        return np.median(differences), []
    return np.median(differences), [differences[accepted[0] - 1], differences[accepted[-1]]]


def main():
    rng = random.Random(20240607)

    def sample(n, scale=1.0, digits=6):
        return np.array([round(scale * rng.lognormvariate(0, 0.5), digits) for _ in range(n)])

    # Hollander and Wolfe 1973, p. 69, as in R's ?wilcox.test: p = 0.1272, one-sided.
    x = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
    y = np.array([1.15, 0.88, 0.90, 0.74, 1.21])
    assert abs(mann_whitney(x, y) / 2 - 0.1272) < 5e-5
    line("mann_whitney", x, y, mann_whitney(x, y))
    estimate, interval = shift(x, y)
    line("shift", x, y, estimate, interval)
    for n, m in [(1, 1), (2, 3), (3, 3), (4, 4), (5, 5), (6, 9), (8, 8), (12, 12), (20, 7)]:
        for scale in (1.0, 1.6):
            a, b = sample(n), sample(m, scale)
            line("mann_whitney", a, b, mann_whitney(a, b))
            estimate, interval = shift(a, b)
            line("shift", a, b, estimate, interval)
    # Ties: values of one digit, many zeros, and the constant.
    for n, m in [(4, 5), (6, 6), (8, 8), (10, 5)]:
        for scale in (1.0, 1.6):
            a, b = sample(n, digits=0), sample(m, scale, digits=0)
            line("mann_whitney", a, b, mann_whitney(a, b))
    line("mann_whitney", [0, 0, 0, 0, 5, 7], [0, 0, 3, 4, 9, 9],
         mann_whitney(np.array([0, 0, 0, 0, 5, 7]), np.array([0, 0, 3, 4, 9, 9])))
    line("mann_whitney", [2, 2, 2], [2, 2, 2], mann_whitney(np.array([2, 2, 2]), np.array([2, 2, 2])))

    # So many that the normal approximation is used, tied and corrected for continuity.
    a, b = sample(70, 100.0, digits=0), sample(80, 115.0, digits=0)
    line("mann_whitney_normal", a, b, stats.mannwhitneyu(
        a, b, alternative="two-sided", method="asymptotic", use_continuity=True).pvalue)

    for count in (1, 2, 3, 6):
        for scale in (1.0, 1.5, 4.0):
            blocks = [(np.log(sample(2)) + 0.1 * i, np.log(sample(2, scale)) + 0.1 * i)
                      for i in range(count)]
            fields = [part for block in blocks for part in block]
            line("blocks", *fields, within_blocks(blocks))
    # Blocks that lost a repetition, and ties within and between blocks.
    uneven = [(sample(2), sample(1)), (sample(1), sample(2)), (sample(2), sample(2, 3.0)),
              (sample(2), sample(2, 3.0))]
    line("blocks", *[part for block in uneven for part in block], within_blocks(uneven))
    tied = [(np.array([0.0, 1.0]), np.array([1.0, 2.0])), (np.array([2.0, 3.0]), np.array([3.0, 4.0])),
            (np.array([5.0, 5.0]), np.array([5.0, 5.0]))]
    line("blocks", *[part for block in tied for part in block], within_blocks(tied))

    # R's ?fisher.test: the lady tasting tea, p = 0.4857 two-sided.
    tables = [((3, 4), (1, 4)), ((0, 12), (12, 12)), ((0, 12), (5, 12)), ((0, 12), (6, 12)),
              ((1, 12), (6, 12)), ((0, 5), (5, 5)), ((7, 20), (3, 31)), ((0, 8), (0, 8)),
              ((8, 8), (8, 8)), ((40, 100), (60, 100)), ((1, 1), (0, 1))]
    for (yes_a, of_a), (yes_b, of_b) in tables:
        p = stats.fisher_exact([[yes_a, of_a - yes_a], [yes_b, of_b - yes_b]]).pvalue
        line("fisher", [yes_a, of_a], [yes_b, of_b], p)
    assert abs(stats.fisher_exact([[3, 1], [1, 3]]).pvalue - 0.4857) < 5e-5


if __name__ == "__main__":
    main()
