"""Writes the reference numbers of tests, intervals and fairness.

    python make_certainty.py

Needs scikit-learn, SciPy, NumPy, statsmodels and fairlearn; each JSON file names their versions.
"""

from importlib.metadata import version

import numpy as np
import statsmodels
from fairlearn import metrics as fair
from scipy import stats
from sklearn import metrics as m
from statsmodels.stats.multitest import multipletests

import make
from make import write

make.VERSIONS |= {"statsmodels": statsmodels.__version__, "fairlearn": version("fairlearn")}


def components(y, s):
    """DeLong's structural components, pair by pair."""
    p, n = s[y], s[~y]
    wins = (p[:, None] > n[None, :]) + 0.5 * (p[:, None] == n[None, :])
    return wins.mean(axis=1), wins.mean(axis=0)


def delong():
    rng = np.random.default_rng(20)
    cases = []
    for n, ties in [(12, False), (40, True), (90, False)]:
        y = rng.random(n) < 0.4
        y[:4] = [True, False, True, False]
        a, b = rng.normal(size=n) + y, rng.normal(size=n) + 0.5 * y
        if ties:
            a, b = np.round(a), np.round(b, 1)
        (a10, a01), (b10, b01) = components(y, a), components(y, b)
        s10, s01 = np.cov(a10, b10), np.cov(a01, b01)
        cov = s10 / y.sum() + s01 / (~y).sum()
        difference, se = a10.mean() - b10.mean(), np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
        z90 = stats.norm.ppf(0.95)
        assert np.isclose(a10.mean(), m.roc_auc_score(y, a))
        cases.append({
            "name": f"{n} rows, ties {ties}", "y": y, "a": a, "b": b, "auc": a10.mean(), "se": np.sqrt(cov[0, 0]),
            "low": max(0, a10.mean() - z90 * np.sqrt(cov[0, 0])), "high": min(1, a10.mean() + z90 * np.sqrt(cov[0, 0])),
            "difference": difference, "difference_se": se, "z": difference / se,
            "p_value": 2 * stats.norm.sf(abs(difference / se)),
        })
    write("delong", cases)


def folds():
    rng = np.random.default_rng(21)
    cases = []
    for n, share in [(10, 1 / 9), (10, 1.0), (30, 0.25)]:
        a, b = 0.9 + 0.02 * rng.normal(size=n), 0.89 + 0.02 * rng.normal(size=n)
        d = a - b
        se = np.sqrt((1 / n + share) * d.var(ddof=1))
        half = stats.t.ppf(0.975, n - 1) * se
        five = None
        if n == 10:
            se5 = np.sqrt(np.mean([(d[2 * i : 2 * i + 2]).var(ddof=1) for i in range(5)]))
            five = {"t": d[0] / se5, "p_value": 2 * stats.t.sf(abs(d[0] / se5), 5)}
        cases.append({"name": f"{n} folds, share {share:.3f}", "a": a, "b": b, "test_share": share,
                      "t": d.mean() / se, "p_value": 2 * stats.t.sf(abs(d.mean() / se), n - 1),
                      "low": d.mean() - half, "high": d.mean() + half, "d": d.mean() / d.std(ddof=1),
                      "five_by_two": five})
    write("folds", cases)


def ranks():
    rng = np.random.default_rng(22)
    cases = []
    for n, ties in [(6, False), (25, False), (50, False), (30, True), (120, False), (9, True)]:
        a, b = rng.normal(size=n), rng.normal(size=n) + 0.3
        if ties:
            a, b = np.round(2 * a), np.round(2 * b)
        exact = n <= 50 and not ties
        test = stats.wilcoxon(a, b, method="exact" if exact else "asymptotic")
        cases.append({"name": f"{n} pairs, ties {ties}", "a": a, "b": b, "exact": exact,
                      "statistic": test.statistic, "p_value": test.pvalue})
    write("wilcoxon", cases)
    cases = []
    for blocks, k, ties in [(4, 3, False), (10, 4, False), (12, 6, True), (30, 10, False)]:
        scores = rng.normal(size=(blocks, k)) + 0.15 * np.arange(k)
        if ties:
            scores = np.round(scores)
        test = stats.friedmanchisquare(*scores.T)
        mean_ranks = stats.rankdata(-scores, axis=1).mean(axis=0)
        unit = np.sqrt(k * (k + 1) / (6 * blocks))
        q = stats.studentized_range
        cases.append({
            "name": f"{blocks} × {k}, ties {ties}", "scores": scores, "statistic": test.statistic,
            "p_value": test.pvalue, "mean_ranks": mean_ranks,
            "critical_difference": q.ppf(0.95, k, np.inf) / np.sqrt(2) * unit,
            "p_first": [q.sf(abs(mean_ranks[0] - r) / unit * np.sqrt(2), k, np.inf) for r in mean_ranks],
        })
    write("friedman", cases)


def permutation():
    rng = np.random.default_rng(23)
    cases = []
    for n in [2, 7, 12]:
        a, b = rng.normal(size=n) + 0.7, rng.normal(size=n)
        test = stats.permutation_test((a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
                                      vectorized=True, n_resamples=np.inf)
        cases.append({"name": f"{n} pairs", "a": a, "b": b, "observed": test.statistic, "p_value": test.pvalue})
    write("permutation", cases)


def many():
    rng = np.random.default_rng(24)
    cases = []
    for n in [1, 5, 20]:
        p = np.round(rng.random(n) ** 3, 3)
        cases.append({"name": f"{n} p-values", "p": p, "holm": multipletests(p, method="holm")[1],
                      "benjamini_hochberg": multipletests(p, method="fdr_bh")[1]})
    write("multiple", cases)


def bca():
    rng = np.random.default_rng(25)
    cases = []
    for n, level in [(15, 0.9), (40, 0.95), (40, 0.99)]:
        x = rng.exponential(size=n)
        result = stats.bootstrap((x,), np.mean, n_resamples=399, method="BCa", confidence_level=level, rng=rng)
        cases.append({"name": f"{n} rows at {level}", "level": level, "estimate": x.mean(),
                      "resampled": result.bootstrap_distribution,
                      "jackknife": [np.delete(x, i).mean() for i in range(n)],
                      "low": result.confidence_interval.low, "high": result.confidence_interval.high})
    write("bca", cases)


def fairness():
    rng = np.random.default_rng(26)
    cases = []
    for n, groups in [(60, 2), (120, 3)]:
        g = np.concatenate([np.arange(groups), np.arange(groups), rng.integers(0, groups, n - 2 * groups)])
        y = np.concatenate([np.ones(groups), np.zeros(groups), rng.random(n - 2 * groups) < 0.5]).astype(int)
        p = np.where(rng.random(n) < 0.75 + 0.05 * g, y, rng.integers(0, 2, n)).astype(int)
        for weighted in [False, True]:
            w = np.round(rng.exponential(size=n) + 0.05, 3) if weighted else None
            args = dict(y_true=y, y_pred=p, sensitive_features=g, sample_weight=w)
            frame = fair.MetricFrame(metrics=m.accuracy_score, y_true=y, y_pred=p, sensitive_features=g,
                                     sample_params={"sample_weight": w} if weighted else None)
            cases.append({
                "name": f"{n} rows, {groups} groups, weighted {weighted}", "groups": g, "y": y == 1, "pred": p == 1,
                "weights": w,
                "accuracy": list(frame.by_group), "difference": frame.difference(), "ratio": frame.ratio(),
                "demographic_parity_difference": fair.demographic_parity_difference(**args),
                "demographic_parity_ratio": fair.demographic_parity_ratio(**args),
                "equalized_odds_difference": fair.equalized_odds_difference(**args),
                "equalized_odds_ratio": fair.equalized_odds_ratio(**args),
            })
    write("fairness", cases)
    cases = []
    for inside, outside in [((9, 20), (30, 200)), ((3, 3), (5, 50)), ((0, 12), (4, 30)), ((40, 90), (200, 900))]:
        table = [[inside[0], inside[1] - inside[0]], [outside[0], outside[1] - outside[0]]]
        cases.append({"name": f"{inside} in {outside}", "inside": inside, "outside": outside,
                      "p_value": stats.fisher_exact(table, alternative="greater").pvalue})
    write("fisher", cases)
    cases = []
    for n, k in [(8, 30), (40, 25)]:
        a, b = rng.normal(size=n) * 2 + 0.5, rng.normal(size=k)
        cases.append({"name": f"{n} and {k}", "a": a, "b": b,
                      "p_value": stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue})
    write("welch", cases)


if __name__ == "__main__":
    for run in (delong, folds, ranks, permutation, many, bca, fairness):
        run()
