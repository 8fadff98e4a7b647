"""Writes the reference numbers that prompt-metrics is tested against.

    python make.py

Needs scikit-learn, SciPy and NumPy; each JSON file names their versions. The data are drawn here from fixed seeds.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics as m
from sklearn.calibration import calibration_curve
from sklearn.preprocessing import label_binarize

HERE = Path(__file__).parent
VERSIONS = {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__}
warnings.filterwarnings("ignore")


def plain(value):
    """Plain JSON; NaN and infinity become null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value


def write(name, cases):
    text = json.dumps({"made_with": VERSIONS, "cases": plain(cases)}, indent=None, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text.replace('{"name"', '\n{"name"') + "\n")


def weights_or_none(rng, n, kind):
    if kind == "none":
        return None
    w = np.round(rng.exponential(size=n) + 0.01, 3)
    if kind == "zeros":
        w[:: 3] = 0.0
    return w


def kappa(y, p, w):
    return m.cohen_kappa_score(y, p, sample_weight=w)


def classify_case(name, k, y, p, w=None):
    y, p = np.asarray(y), np.asarray(p)
    keep = slice(None) if w is None else np.asarray(w) > 0
    labels = np.arange(k)
    prec, rec, f1, sup = m.precision_recall_fscore_support(y, p, labels=labels, sample_weight=w, zero_division=0)
    averages = {}
    for average in ["macro", "micro", "weighted"]:
        # labels=None: the classes that occur in truth or predictions (rows without weight are not there).
        a = m.precision_recall_fscore_support(
            y[keep], p[keep], average=average, sample_weight=None if w is None else w[keep], zero_division=0
        )
        averages[average] = {"precision": a[0], "recall": a[1], "f1": a[2]}
    return {
        "name": name, "n_classes": k, "y_true": y, "y_pred": p, "weights": w,
        "matrix": m.confusion_matrix(y, p, labels=labels, sample_weight=w),
        "rates": m.confusion_matrix(y, p, labels=labels, sample_weight=w, normalize="true"),
        "accuracy": m.accuracy_score(y, p, sample_weight=w),
        "balanced_accuracy": m.balanced_accuracy_score(y, p, sample_weight=w),
        "matthews_corrcoef": m.matthews_corrcoef(y, p, sample_weight=w),
        "cohen_kappa": kappa(y, p, w),
        "precision": prec, "recall": rec, "f1": f1,
        "support": sup if w is None else [w[y == c].sum() for c in range(k)],
        "averages": averages,
    }


def classify():
    rng = np.random.default_rng(0)
    cases = []
    for k, n in [(2, 40), (3, 90), (5, 120), (10, 200)]:
        for kind in ["none", "some", "zeros"]:
            y = rng.integers(0, k, n)
            p = np.where(rng.random(n) < 0.7, y, rng.integers(0, k, n))
            cases.append(classify_case(f"{k} classes, weights {kind}", k, y, p, weights_or_none(rng, n, kind)))
    cases += [
        classify_case("perfect", 3, [0, 1, 2, 1], [0, 1, 2, 1]),
        classify_case("all wrong", 3, [0, 1, 2, 1], [1, 2, 0, 0]),
        classify_case("class absent from truth", 3, [0, 0, 1, 1], [0, 2, 1, 1]),
        classify_case("class never predicted", 3, [0, 1, 2, 2], [0, 1, 1, 0]),
        classify_case("class absent from both", 4, [0, 1, 3, 3], [0, 1, 1, 3]),
        classify_case("one class only", 2, [1, 1, 1], [1, 1, 1]),
        classify_case("one class in truth", 2, [1, 1, 1, 1], [1, 0, 1, 1]),
        classify_case("one class predicted", 2, [1, 0, 1, 0], [1, 1, 1, 1]),
        classify_case("one row", 3, [2], [0]),
        classify_case("no overlap of labels", 4, [0, 0, 1], [2, 3, 3]),
        classify_case("one class only, weighted", 2, [1, 1, 1], [1, 1, 1], np.array([0.1, 0.2, 0.3])),
    ]
    write("classify", cases)


def security():
    rng = np.random.default_rng(6)
    cases = []
    for i in range(6):
        y = rng.integers(0, 3, 60)
        p = np.where(rng.random(60) < 0.8, y, rng.integers(0, 3, 60))
        if i == 5:
            p[p == 1] = 0
        w = weights_or_none(rng, 60, "some" if i % 2 else "none")
        rates = m.confusion_matrix(y, p, labels=[0, 1, 2], sample_weight=w, normalize="true")
        prec, rec, f1, _ = m.precision_recall_fscore_support(y, p, labels=[0, 1, 2], sample_weight=w, zero_division=0)
        score = (0.5 * rec[2] + 0.3 * prec[1] + 0.2 * f1[0]) * np.exp(-5 * (rates[0, 2] + rates[2, 0]))
        cases.append({"name": f"case {i}", "y_true": y, "y_pred": p, "weights": w, "score": score,
                      "recall_malicious": rec[2], "precision_suspicious": prec[1], "f1_benign": f1[0],
                      "false_alarm_rate": rates[0, 2], "missed_threat_rate": rates[2, 0]})
    write("security", cases)


def tpr_at_fpr(y, s, alpha):
    """The last point of the full ROC curve with fpr <= alpha; threshold None where nothing is called positive."""
    fpr, tpr, thresholds = m.roc_curve(y, s, drop_intermediate=False)
    i = np.flatnonzero(fpr <= alpha)[-1]
    return {"alpha": alpha, "threshold": thresholds[i], "tpr": tpr[i], "fpr": fpr[i]}


def binary_case(name, y, s, w=None):
    y, s = np.asarray(y, dtype=int), np.asarray(s, dtype=float)
    fpr, tpr, roc_t = m.roc_curve(y, s, sample_weight=w)
    precision, recall, pr_t = m.precision_recall_curve(y, s, sample_weight=w)
    case = {
        "name": name, "y": y.astype(bool), "scores": s, "weights": w,
        "roc_auc": m.roc_auc_score(y, s, sample_weight=w),
        "average_precision": m.average_precision_score(y, s, sample_weight=w),
        "roc": {"fpr": fpr, "tpr": tpr, "thresholds": roc_t[1:]},
        "pr": {"precision": precision, "recall": recall, "thresholds": pr_t},
        "tpr_at_fpr": [tpr_at_fpr(y, s, a) for a in [0.0, 0.01, 0.05, 0.1, 0.5]] if w is None else [],
        "brier": None, "calibration": [],
    }
    if s.min() >= 0 and s.max() <= 1:
        case["brier"] = m.brier_score_loss(y, s, sample_weight=w)
        if w is None:
            for strategy in ["uniform", "quantile"]:
                for n_bins in [1, 2, 5, 10, 15]:
                    true, pred = calibration_curve(y, s, n_bins=n_bins, strategy=strategy)
                    case["calibration"].append(
                        {"strategy": strategy, "n_bins": n_bins, "fraction_positive": true, "mean_predicted": pred})
    return case


def binary():
    rng = np.random.default_rng(1)
    cases = []
    for n in [16, 31, 46, 61, 100]:
        for kind in ["none", "some", "zeros"]:
            y = rng.random(n) < 0.4
            y[:2] = [True, False]
            y[3:5] = [True, False]
            s = np.round(np.clip(0.5 + 0.25 * (2 * y - 1) + rng.normal(0, 0.3, n), 0, 1), 6)
            cases.append(binary_case(f"{n} rows, weights {kind}", y, s, weights_or_none(rng, n, kind)))
    y = rng.random(80) < 0.5
    cases += [
        binary_case("many ties", y, np.round(rng.random(80) * 0.6 + 0.3 * y, 1)),
        binary_case("many ties, weighted", y, np.round(rng.random(80) * 0.6 + 0.3 * y, 1),
                    weights_or_none(rng, 80, "some")),
        binary_case("all scores equal", [0, 1, 0, 1, 1], [0.5] * 5),
        binary_case("perfect", [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        binary_case("inverted", [1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9]),
        binary_case("decision values", y, rng.normal(size=80) + 2 * y),
        binary_case("highest score is a tie", [1, 0, 0, 1, 0], [1.0, 1.0, 0.2, 0.5, 0.5]),
        binary_case("zeros and ones", [0, 1, 1, 0, 1], [0.0, 1.0, 1.0, 1.0, 0.0]),
    ]
    write("binary", cases)


def ece(y, p, w=None, n_bins=15):
    """Top-label expected calibration error with equal-mass bins.

    A row's confidence is its highest probability and its choice the first class that has it. Inner edges are the
    k/n_bins quantiles of the confidences (rows with weight, each once); a confidence belongs to the first bin whose
    upper edge is not below it. Without weights the bins are those of calibration_curve(strategy="quantile").
    """
    w = np.ones(len(y)) if w is None else w
    confidence = p.max(axis=1)
    hit = (p.argmax(axis=1) == y).astype(float)
    edges = np.percentile(confidence[w > 0], np.linspace(0, 1, n_bins + 1) * 100)[1:-1]
    bins = np.searchsorted(edges, confidence)
    mass = np.bincount(bins, weights=w, minlength=n_bins)
    used = mass > 0
    accuracy = np.bincount(bins, weights=w * hit, minlength=n_bins)[used] / mass[used]
    mean_confidence = np.bincount(bins, weights=w * confidence, minlength=n_bins)[used] / mass[used]
    if np.all(w == 1):
        true, pred = calibration_curve(hit, confidence, n_bins=n_bins, strategy="quantile", pos_label=1)
        assert np.allclose(true, accuracy) and np.allclose(pred, mean_confidence)
    return float(np.sum(mass[used] / mass.sum() * np.abs(accuracy - mean_confidence)))


def per_class(metric, y, p, w):
    """One-vs-rest; None for a class without rows (and, for ROC AUC, without others)."""
    keep = slice(None) if w is None else w > 0
    one_hot = label_binarize(y, classes=np.arange(max(3, p.shape[1])))
    out = []
    for c in range(p.shape[1]):
        positives = one_hot[keep, c].sum()
        undefined = positives == 0 or (metric is m.roc_auc_score and positives == len(one_hot[keep, c]))
        out.append(None if undefined else metric(one_hot[:, c], p[:, c], sample_weight=w))
    return out


def multiclass_case(name, y, p, w=None):
    y, p = np.asarray(y), np.asarray(p, dtype=float)
    k = p.shape[1]
    labels = np.arange(k)
    auc = per_class(m.roc_auc_score, y, p, w)
    ap = per_class(m.average_precision_score, y, p, w)
    share = [float((np.ones(len(y)) if w is None else w)[y == c].sum()) for c in range(k)]
    defined = None not in auc
    # The reference's own average wants rows that sum to one to 1e-5.
    if defined and k > 2 and np.allclose(1, p.sum(axis=1)):
        ovr = m.roc_auc_score(y, p, multi_class="ovr", average="macro", labels=labels, sample_weight=w)
        ovr_weighted = m.roc_auc_score(y, p, multi_class="ovr", average="weighted", labels=labels, sample_weight=w)
    else:
        ovr = np.mean(auc) if defined else None
        ovr_weighted = np.average(auc, weights=share) if defined else None
    if k == 2:
        top = [m.top_k_accuracy_score(y, p[:, 1], k=j, labels=labels, sample_weight=w) for j in (1, 2)]
    else:
        top = [m.top_k_accuracy_score(y, p, k=j, labels=labels, sample_weight=w) for j in range(1, k + 1)]
    return {
        "name": name, "y_true": y, "proba": p, "weights": w,
        "log_loss": m.log_loss(y, p, labels=labels, sample_weight=w),
        "brier": m.brier_score_loss(y, p, labels=labels, sample_weight=w) if k > 2
        else m.brier_score_loss(y, p[:, 1], pos_label=1, sample_weight=w),
        "roc_auc_per_class": auc, "roc_auc_ovr": ovr, "roc_auc_ovr_weighted": ovr_weighted,
        "average_precision_per_class": ap,
        "average_precision_macro": None if None in ap else np.mean(ap),
        "top_k_accuracy": top, "ece": ece(y, p, w),
    }


def multiclass():
    rng = np.random.default_rng(2)
    cases = []
    for k, n in [(2, 40), (3, 46), (3, 91), (4, 60), (6, 80)]:
        for kind in ["none", "some", "zeros"]:
            y = np.concatenate([np.arange(k), np.arange(k), rng.integers(0, k, n - 2 * k)])
            logits = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[y]
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            cases.append(multiclass_case(f"{k} classes, {n} rows, weights {kind}", y, p,
                                         weights_or_none(rng, n, kind)))
    quarters = np.array([[2, 1, 1], [1, 2, 1], [1, 1, 2], [4, 0, 0], [0, 4, 0], [2, 2, 0], [0, 2, 2]]) / 4
    y = rng.integers(0, 3, 60)
    y[:3] = [0, 1, 2]
    cases += [
        multiclass_case("ties", y, quarters[rng.integers(0, 7, 60)]),
        multiclass_case("ties, weighted", y, quarters[rng.integers(0, 7, 60)], weights_or_none(rng, 60, "some")),
        multiclass_case("certain and wrong", [0, 1, 2, 0], [[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        multiclass_case("absent class", [0, 1, 1, 0], [[.5, .3, .2], [.2, .5, .3], [.4, .4, .2], [.6, .2, .2]]),
        multiclass_case("one class", [1, 1, 1], [[.5, .3, .2], [.2, .5, .3], [.4, .4, .2]]),
        multiclass_case("two classes, one half each", [0, 1, 1], [[.5, .5], [.5, .5], [.25, .75]]),
        multiclass_case("rounded to four decimals", [0, 1, 2],
                        [[.3333, .3333, .3333], [.1429, .7143, .1429], [.0001, .0001, .9999]]),
        multiclass_case("uniform", [0, 1, 2, 2], np.full((4, 3), 1 / 3)),
        multiclass_case("fewer rows than bins", [0, 2, 1], [[.8, .1, .1], [.2, .2, .6], [.4, .3, .3]]),
    ]
    write("multiclass", cases)


def proportion():
    cases = []
    for k, n in [(0, 1), (1, 1), (0, 20), (20, 20), (1, 20), (7, 20), (50, 100), (99, 100), (0, 3000), (3, 3000),
                 (2995, 3000), (12345, 100000), (999_999, 1_000_000)]:
        for level in [0.8, 0.95, 0.999]:
            exact = stats.binomtest(k, n).proportion_ci(level, method="exact")
            wilson = stats.binomtest(k, n).proportion_ci(level, method="wilson")
            upper = stats.binomtest(k, n, alternative="less").proportion_ci(level, method="exact").high
            cases.append({"name": f"{k} of {n} at {level}", "k": k, "n": n, "level": level,
                          "exact": exact, "wilson": wilson, "upper": upper})
    write("proportion", cases)


def mcnemar():
    cases = []
    for a, b in [(0, 0), (1, 0), (0, 5), (5, 5), (6, 1), (10, 3), (40, 60), (300, 250), (1, 900)]:
        p = 1.0 if a + b == 0 else stats.binomtest(a, a + b, 0.5).pvalue
        cases.append({"name": f"{a} against {b}", "only_a": a, "only_b": b, "p_value": p})
    write("mcnemar", cases)


def regress_case(name, y, p, w=None):
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    constant = len(y) < 2 or np.ptp(y) == 0 or np.ptp(p) == 0
    return {
        "name": name, "y_true": y, "y_pred": p, "weights": w,
        "mae": m.mean_absolute_error(y, p, sample_weight=w),
        "mse": m.mean_squared_error(y, p, sample_weight=w),
        "rmse": m.root_mean_squared_error(y, p, sample_weight=w),
        "mape": m.mean_absolute_percentage_error(y, p, sample_weight=w),
        "median_absolute_error": m.median_absolute_error(y, p, sample_weight=w),
        "r2": m.r2_score(y, p, sample_weight=w),
        "explained_variance": m.explained_variance_score(y, p, sample_weight=w),
        "pearson": None if constant else stats.pearsonr(y, p).statistic,
        "spearman": None if constant else stats.spearmanr(y, p).statistic,
        "kendall": None if constant else stats.kendalltau(y, p).statistic,
        "within_5": np.average(np.abs(y - p) <= 5, weights=w),
        "within_10": np.average(np.abs(y - p) <= 10, weights=w),
    }


def regress():
    rng = np.random.default_rng(3)
    cases = []
    for n in [2, 5, 50, 151]:
        for kind in ["none", "some"] + (["zeros"] if n > 5 else []):
            y = rng.uniform(0, 100, n)
            cases.append(regress_case(f"{n} rows, weights {kind}", y, y + rng.normal(0, 8, n),
                                      weights_or_none(rng, n, kind)))
    y = rng.integers(0, 8, 70)
    cases += [
        regress_case("ties", y, np.clip(y + rng.integers(-3, 4, 70), 0, 8)),
        regress_case("ties, weights of one", y, np.clip(y + rng.integers(-3, 4, 70), 0, 8), np.ones(70)),
        regress_case("perfect", [1, 2, 3], [1, 2, 3]),
        regress_case("inverted", [1, 2, 3, 4], [4, 3, 2, 1]),
        regress_case("constant truth", [5, 5, 5], [4, 5, 7]),
        regress_case("constant truth, perfect", [5, 5, 5], [5, 5, 5]),
        regress_case("constant prediction", [1, 2, 6], [3, 3, 3]),
        regress_case("truth of zero", [0, 1, 2], [0.5, 1, 2]),
        regress_case("constant error", [1, 2, 3], [2, 3, 4]),
        regress_case("one row", [3], [5]),
        regress_case("even weights at the half", [1, 2, 3, 4], [2, 4, 6, 8], np.array([1.0, 1.0, 1.0, 1.0])),
        regress_case("large offset", 1e6 + rng.random(30), 1e6 + rng.random(30)),
    ]
    write("regress", cases)


if __name__ == "__main__":
    for make in (classify, security, binary, multiclass, proportion, mcnemar, regress):
        make()
