"""What scikit-learn's linear classifiers, naive Bayes and calibrators learn from a small problem.

usage: python make.py    writes learners.json and calibration.json beside this file

All features are quarters, which f32 holds exactly. Solvers run to a tight tolerance, so that what they reach is the
minimum and not the place where they stopped.
"""
import json
import pathlib

import numpy as np
import scipy
import sklearn
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.svm import LinearSVC

HERE = pathlib.Path(__file__).parent
VERSIONS = dict(sklearn=sklearn.__version__, numpy=np.__version__, scipy=scipy.__version__)
rng = np.random.default_rng(20)


def problem(classes, rows=40, columns=9):
    y = rng.integers(0, classes, rows)
    favoured = np.arange(columns)[None, :] % classes == y[:, None]
    counts = rng.integers(0, 6, (rows, columns)) * (rng.random((rows, columns)) < np.where(favoured, 0.8, 0.35))
    return counts / 4.0, np.where(rng.random(rows) < 0.15, rng.integers(0, classes, rows), y)


def logistic_objective(model, X, y, weights, C):
    z = model.decision_function(X)
    z = np.stack([np.zeros(len(X)), z], 1) if z.ndim == 1 else z
    log_z = np.logaddexp.reduce(z, axis=1)
    loss = log_z - z[np.arange(len(X)), y]
    return (weights @ loss + (model.coef_ ** 2).sum() / (2 * C)) / weights.sum()


def svm_objective(model, X, y, weights, C, loss, scaling):
    z = model.decision_function(X)
    z = z[:, None] if z.ndim == 1 else z
    total = 0.0
    for m in range(z.shape[1]):
        sign = np.where(y == (1 if z.shape[1] == 1 else m), 1, -1)
        missing = np.maximum(0, 1 - sign * z[:, m])
        bias = model.intercept_[m] / scaling if model.fit_intercept else 0.0
        total += 0.5 * (model.coef_[m] @ model.coef_[m] + bias ** 2)
        total += C * weights @ (missing if loss == 'hinge' else missing ** 2)
    return total


def row_weights(y, sample, class_weight, classes):
    w = np.ones(len(y)) if sample is None else np.asarray(sample)
    if class_weight == 'balanced':
        mass = np.array([w[y == c].sum() for c in range(classes)])
        w = w * (w.sum() / (classes * mass))[y]
    elif class_weight is not None:
        w = w * np.array([class_weight.get(c, 1.0) for c in range(classes)])[y]
    return w


cases = []
DATA = {2: problem(2), 3: problem(3), 5: problem(5)}
SAMPLE = {k: (rng.integers(0, 9, len(y)) / 4.0).tolist() for k, (_, y) in DATA.items()}


def case(learner, classes, params, model, sample=None, objective=None, output='predict_proba', weighted=None):
    X, y = DATA[classes]
    model.fit(X, y, sample_weight=sample)
    out = getattr(model, output)(X)
    out = out[:, None] if out.ndim == 1 else out
    cases.append(dict(learner=learner, classes=classes, params=params, weighted=sample is not None if weighted is None else weighted,
                      objective=objective(model, X, y) if objective else None, output=output, expect=out.tolist()))


NAMED = {'a': 3.0, 'b': 0.5}
for classes in (2, 3, 5):
    for C, sample, weight, bias in ((1.0, False, None, True), (0.1, True, None, True), (10.0, False, 'balanced', True),
                                    (2.0, True, NAMED, True), (1.0, False, None, False)):
        s = SAMPLE[classes] if sample else None
        theirs = {0: 3.0, 1: 0.5} if weight is NAMED else weight
        params = dict(c=C, tol=1e-9, max_iter=10000, fit_intercept=bias, class_weight=weight or 'none')
        w = row_weights(DATA[classes][1], s, theirs, classes)
        case('logistic_regression', classes, params,
             LogisticRegression(C=C, tol=1e-10, max_iter=100000, fit_intercept=bias, class_weight=theirs), s,
             lambda m, X, y, w=w, C=C: logistic_objective(m, X, y, w, C))
    # For three or more classes LinearSVC applies a class weight to the positive side alone: so it gets row weights.
    for C, loss, sample, weight, scaling in ((1.0, 'squared_hinge', False, None, 1.0), (0.1, 'squared_hinge', True, None, 1.0),
                                             (0.5, 'hinge', False, None, 1.0), (0.25, 'hinge', True, NAMED, 2.0),
                                             (2.0, 'squared_hinge', False, 'balanced', 3.0), (1.0, 'squared_hinge', False, None, 0.0)):
        s = SAMPLE[classes] if sample else None
        theirs = {0: 3.0, 1: 0.5} if weight is NAMED else weight
        params = dict(c=C, tol=1e-9, max_iter=1000000, loss=loss, intercept_scaling=scaling, class_weight=weight or 'none', calibration='none')
        w = row_weights(DATA[classes][1], s, theirs, classes)
        case('linear_svm', classes, params,
             LinearSVC(C=C, loss=loss, dual=True, tol=1e-10, max_iter=5000000, fit_intercept=scaling > 0,
                       intercept_scaling=scaling or 1.0, random_state=0), w,
             lambda m, X, y, w=w, C=C, loss=loss, scaling=scaling: svm_objective(m, X, y, w, C, loss, scaling or 1.0),
             'decision_function', sample)
    for alpha, prior, sample in ((1.0, True, False), (0.1, False, True), (1e-10, True, True)):
        case('multinomial_nb', classes, dict(alpha=alpha, fit_prior=prior), MultinomialNB(alpha=alpha, fit_prior=prior),
             SAMPLE[classes] if sample else None)
    for alpha, norm, sample in ((1.0, False, False), (0.1, True, True), (0.5, True, False), (1e-10, False, True)):
        case('complement_nb', classes, dict(alpha=alpha, norm=norm), ComplementNB(alpha=alpha, norm=norm),
             SAMPLE[classes] if sample else None)

data = {str(k): dict(x=X.tolist(), y=y.tolist(), weights=SAMPLE[k]) for k, (X, y) in DATA.items()}
(HERE / 'learners.json').write_text(json.dumps(dict(versions=VERSIONS, data=data, cases=cases), separators=(',', ':')) + '\n')

z = np.round(rng.normal(size=60), 3)
y = (rng.random(60) < 1 / (1 + np.exp(-2 * z + 0.5))).astype(int)
w = rng.integers(1, 9, 60) / 4.0
platt = []
for sample in (None, w):
    a, b = _sigmoid_calibration(z, y, sample_weight=sample)
    platt.append(dict(weights=None if sample is None else sample.tolist(), slope=-a, offset=-b))
isotonic = IsotonicRegression(out_of_bounds='clip').fit(z, y, sample_weight=w)
at = np.linspace(-4, 4, 81)
(HERE / 'calibration.json').write_text(json.dumps(dict(
    versions=VERSIONS, z=z.tolist(), y=y.tolist(), platt=platt, weights=w.tolist(), at=at.tolist(),
    isotonic=isotonic.predict(at).tolist()), separators=(',', ':')) + '\n')
