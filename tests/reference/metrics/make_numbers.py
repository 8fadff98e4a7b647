"""Writes the reference numbers of the wider metrics: agreement, label sets, ranking, gain, costs, calibration, regression.

    python make_numbers.py

Needs scikit-learn, SciPy, NumPy, statsmodels and krippendorff; each JSON file names their versions.
"""

from importlib.metadata import version

import krippendorff
import numpy as np
import statsmodels
import statsmodels.api as sm
from scipy import stats
from sklearn import metrics as m
from sklearn.calibration import calibration_curve

import make
from make import weights_or_none, write

make.VERSIONS |= {"statsmodels": statsmodels.__version__, "krippendorff": version("krippendorff")}


def agreement():
    rng = np.random.default_rng(10)
    cases = []
    for k, n in [(2, 30), (4, 60), (6, 90)]:
        for kind in ["none", "some", "zeros"]:
            y = rng.integers(0, k, n)
            p = np.clip(y + rng.integers(-1, 2, n), 0, k - 1)
            w = weights_or_none(rng, n, kind)
            cases.append({
                "name": f"{k} classes, weights {kind}", "n_classes": k, "y_true": y, "y_pred": p, "weights": w,
                "linear": m.cohen_kappa_score(y, p, weights="linear", sample_weight=w, labels=np.arange(k)),
                "quadratic": m.cohen_kappa_score(y, p, weights="quadratic", sample_weight=w, labels=np.arange(k)),
            })
    write("kappa", cases)
    cases = []
    for raters, units in [(2, 12), (3, 20), (5, 8)]:
        truth = rng.integers(1, 6, units)
        ratings = np.array([np.clip(truth + rng.integers(-1, 2, units), 1, 5) for _ in range(raters)], dtype=float)
        ratings[rng.random(ratings.shape) < 0.2] = np.nan
        cases.append({
            "name": f"{raters} raters, {units} units", "ratings": ratings,
            **{level: krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
               for level in ["nominal", "ordinal", "interval", "ratio"]},
        })
    write("krippendorff", cases)


def multilabel():
    rng = np.random.default_rng(11)
    cases = []
    for labels, n in [(2, 12), (4, 25), (7, 40)]:
        for kind in ["none", "some", "zeros"]:
            y = rng.random((n, labels)) < 0.35
            p = np.where(rng.random((n, labels)) < 0.8, y, rng.random((n, labels)) < 0.4)
            if labels == 4:
                y[:, 3] = p[:, 2] = False
            y[0] = p[0] = False
            w = weights_or_none(rng, n, kind)
            averages = {}
            for average in ["macro", "micro", "weighted", "samples"]:
                a = m.precision_recall_fscore_support(y, p, average=average, sample_weight=w, zero_division=0)
                averages[average] = {"precision": a[0], "recall": a[1], "f1": a[2]}
            cases.append({
                "name": f"{labels} labels, {n} rows, weights {kind}", "n_labels": labels,
                "y_true": y.ravel(), "y_pred": p.ravel(), "weights": w, "averages": averages,
                "hamming_loss": m.hamming_loss(y, p, sample_weight=w),
                "subset_accuracy": m.accuracy_score(y, p, sample_weight=w),
                "jaccard_samples": m.jaccard_score(y, p, average="samples", sample_weight=w, zero_division=0),
            })
    write("multilabel", cases)


def ranking():
    rng = np.random.default_rng(12)
    cases = []
    for queries, items in [(1, 2), (4, 10), (6, 25)]:
        for ties in [False, True]:
            for weighted in [False, True]:
                relevance = rng.integers(0, 4, (queries, items)).astype(float)
                scores = rng.normal(size=(queries, items)) + 0.6 * relevance
                if ties:
                    scores = np.round(scores)
                if queries > 1:
                    relevance[0] = 0
                relevance[-1, 0] = 2
                w = weights_or_none(rng, queries, "some") if weighted else None
                binary = relevance > 0
                mrr = [1 / stats.rankdata(-s, "max")[b].min() if b.any() else 0.0 for s, b in zip(scores, binary)]
                ap = [m.average_precision_score(b, s) if b.any() else 0.0 for s, b in zip(scores, binary)]
                cases.append({
                    "name": f"{queries} × {items}, ties {ties}, weighted {weighted}",
                    "relevance": relevance, "scores": scores, "weights": w,
                    "ndcg": m.ndcg_score(relevance, scores, sample_weight=w),
                    "ndcg_3": m.ndcg_score(relevance, scores, k=3, sample_weight=w),
                    "mrr": np.average(mrr, weights=w), "map": np.average(ap, weights=w),
                })
    write("ranking", cases)


def ace(y, p, n_bins, w):
    """Nixon et al. (2019): |share − mean| averaged over classes and equal-mass bins that hold rows."""
    gaps = []
    for c in range(p.shape[1]):
        if w is None:
            true, pred = calibration_curve(y == c, p[:, c], n_bins=n_bins, strategy="quantile")
        else:
            edges = np.percentile(p[w > 0, c], np.linspace(0, 1, n_bins + 1) * 100)[1:-1]
            bins = np.searchsorted(edges, p[:, c])
            mass = np.bincount(bins, weights=w, minlength=n_bins)
            used = mass > 0
            true = np.bincount(bins, weights=w * (y == c), minlength=n_bins)[used] / mass[used]
            pred = np.bincount(bins, weights=w * p[:, c], minlength=n_bins)[used] / mass[used]
        gaps += list(np.abs(true - pred))
    return np.mean(gaps)


def top_label(y, p, n_bins, w):
    """ECE, MCE and root mean square over bins of equal width (np.linspace edges, right ends inside)."""
    w = np.ones(len(y)) if w is None else w
    confidence, hit = p.max(axis=1), (p.argmax(axis=1) == y).astype(float)
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    mass = np.bincount(bins, weights=w, minlength=n_bins)
    used = mass > 0
    gap = np.abs(np.bincount(bins, weights=w * (hit - confidence), minlength=n_bins)[used] / mass[used])
    share = mass[used] / mass.sum()
    return {"expected": np.sum(share * gap), "maximum": gap.max(), "root_mean_square": np.sqrt(np.sum(share * gap**2))}


def brier_parts(y, p, n_bins, w):
    w = np.ones(len(y)) if w is None else w
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], p)
    base = np.average(y, weights=w)
    rel = res = 0.0
    for b in np.unique(bins[w > 0]):
        at = (bins == b)
        share, mean, mass = np.average(y[at], weights=w[at]), np.average(p[at], weights=w[at]), w[at].sum() / w.sum()
        rel, res = rel + mass * (mean - share) ** 2, res + mass * (share - base) ** 2
    brier = m.brier_score_loss(y, p, sample_weight=w)
    return {"brier": brier, "reliability": rel, "resolution": res, "uncertainty": base * (1 - base),
            "within": brier - rel + res - base * (1 - base)}


def calibration():
    rng = np.random.default_rng(13)
    cases = []
    for k, n in [(2, 60), (3, 90), (5, 120)]:
        for kind in ["none", "some", "zeros"]:
            y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
            logits = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[y]
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            w = weights_or_none(rng, n, kind)
            cases.append({
                "name": f"{k} classes, {n} rows, weights {kind}", "y_true": y, "proba": p, "weights": w,
                "ace": ace(y, p, 10, w), "equal_width_10": top_label(y, p, 10, w),
                "equal_width_15": top_label(y, p, 15, w), "brier_parts": brier_parts(y == 0, p[:, 0], 8, w),
            })
    write("calibration", cases)


def decisions():
    rng = np.random.default_rng(14)
    cases = []
    for n, kind in [(20, "none"), (45, "some"), (45, "zeros"), (60, "ties")]:
        y = rng.random(n) < 0.4
        y[:6] = [True, False, True, False, True, False]
        s = rng.normal(size=n) + 1.2 * y
        if kind == "ties":
            s = np.round(s)
        w = weights_or_none(rng, n, "none" if kind == "ties" else kind)
        full = np.ones(n) if w is None else w
        at = [(full * (s >= t)).sum() / full.sum() for t in np.unique(s[full > 0])[::-1]]
        gain = [(full * y * (s >= t)).sum() / (full * y).sum() for t in np.unique(s[full > 0])[::-1]]
        fpr, tpr, thresholds = m.roc_curve(y, s, drop_intermediate=False)
        recall = []
        for r in [0.25, 0.5, 0.9, 1.0]:
            i = np.argmax(tpr >= r)
            recall.append({"recall": r, "tpr": tpr[i], "fpr": fpr[i], "threshold": thresholds[i],
                           "precision_at_1_percent": 0.01 * tpr[i] / (0.01 * tpr[i] + 0.99 * fpr[i])})
        loss = (rng.random(n) < 0.3).astype(float)
        confidence = rng.permutation(n) / n
        order = np.argsort(-confidence)
        p = rng.dirichlet([1, 1, 1], n)
        truth = rng.integers(0, 3, n)
        cost = np.array([[0, 1, 4], [1, 0, 1], [9, 2, 0]], dtype=float)
        expected = p @ cost
        decided = expected.min(axis=1) <= 0.9
        choice = expected.argmin(axis=1)
        paid = np.where(decided, cost[truth, choice], 0.9)
        cases.append({
            "name": f"{n} rows, {kind}", "y": y, "scores": s, "weights": w,
            "partial_auc": {str(f): m.roc_auc_score(y, s, max_fpr=f, sample_weight=w) for f in [0.05, 0.1, 0.5, 0.9, 1.0]},
            "fraction": at, "gain": gain,
            "lift_at": {str(f): np.interp(f, [0, *at], [0, *gain]) / f for f in [0.05, 0.1, 0.33, 1.0]},
            "fpr_at_recall": recall,
            "loss": loss, "confidence": confidence,
            "aurc": np.mean(np.cumsum(loss[order]) / np.arange(1, n + 1)),
            "proba": p, "truth": truth, "cost": cost, "mean_cost": np.average(paid, weights=w),
            "first_cost": np.average(cost[truth, p.argmax(axis=1)], weights=w),
            "coverage": np.average(decided, weights=w),
            "error_rate": np.average((choice != truth)[decided], weights=None if w is None else w[decided]),
        })
    write("decisions", cases)


def regress():
    rng = np.random.default_rng(15)
    cases = []
    for n in [6, 40, 90]:
        for kind in ["none", "some", "zeros"]:
            x = rng.normal(size=(n, 3))
            y = x @ [3, -2, 0.5] + rng.normal(size=n) * 2
            y[0] = 0.0
            w = weights_or_none(rng, n, kind)
            fit = sm.OLS(y, sm.add_constant(x)).fit()
            p = fit.fittedvalues if kind == "none" else y + rng.normal(size=n)
            full = np.ones(n) if w is None else w
            cases.append({
                "name": f"{n} rows, weights {kind}", "y_true": y, "y_pred": p, "weights": w,
                "smape": np.average(2 * np.abs(p - y) / (np.abs(y) + np.abs(p)), weights=full),
                "pinball": {str(q): m.mean_pinball_loss(y, p, alpha=q, sample_weight=w) for q in [0.0, 0.1, 0.5, 0.9]},
                "r2_adjusted_3": fit.rsquared_adj if kind == "none" else None,
            })
    write("regress_wide", cases)


if __name__ == "__main__":
    for run in (agreement, multilabel, ranking, calibration, decisions, regress):
        run()
