"""What scikit-learn's Bernoulli and Gaussian naive Bayes, nearest neighbours and kernel machines learn from a small
problem.

usage: python make_kernels.py    writes kernels.json beside this file

All features are numbers that f32 holds exactly, and no grid, so that no two rows are equally far from a third. Kernel
machines run to a tight tolerance; the sigmoid kernel is left out, because it has no single best machine.
"""
import json
import pathlib

import numpy as np
import scipy
import sklearn
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR

HERE = pathlib.Path(__file__).parent
VERSIONS = dict(sklearn=sklearn.__version__, numpy=np.__version__, scipy=scipy.__version__)
rng = np.random.default_rng(47)

ROWS, COLUMNS = 70, 5
X = rng.integers(-8, 9, (ROWS, COLUMNS)) / 4.0 * (rng.random((ROWS, COLUMNS)) < 0.8)
X = (X * (1 + 0.1 * rng.normal(size=X.shape))).astype('f4').astype('f8')
value = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + 0.2 * rng.normal(size=ROWS)
classes = np.digitize(value, np.quantile(value, [0.35, 0.7]))
weights = rng.integers(1, 9, ROWS) / 4.0
# Queries that are no rows, so that no two neighbours are as good as tied by rounding.
Q = np.round(rng.normal(size=(25, COLUMNS)), 3)
Q = Q.astype('f4').astype('f8')
cases = []


def case(learner, task, params, model, weighted, output, y, where=Q):
    model.fit(X, y, sample_weight=weights) if weighted else model.fit(X, y)
    out = getattr(model, output)(where)
    cases.append(dict(learner=learner, task=task, params=params, weighted=weighted, output=output, classes=int(y.max()) + 1 if task == 'classes' else 0,
                      expect=(out[:, None] if out.ndim == 1 else out).tolist()))


for k in (2, 3):
    y = np.minimum(classes, k - 1)
    for weighted in (False, True):
        for alpha, prior, cut in ((1.0, True, 0.0), (0.1, False, 0.5)):
            case('bernoulli_nb', 'classes', dict(alpha=alpha, fit_prior=prior, binarize=cut),
                 BernoulliNB(alpha=alpha, fit_prior=prior, binarize=cut), weighted, 'predict_proba', y)
        for smoothing in (1e-9, 0.1):
            case('gaussian_nb', 'classes', dict(var_smoothing=smoothing), GaussianNB(var_smoothing=smoothing), weighted,
                 'predict_proba', y)
        for kernel, gamma, coef0, degree, C in (('rbf', 'scale', 0.0, 3, 1.0), ('rbf', 0.7, 0.0, 3, 10.0), ('poly', 0.5, 1.0, 2, 0.5),
                                                ('linear', 'auto', 0.0, 3, 0.3)):
            case('svm', 'classes', dict(kernel=kernel, gamma=gamma, coef0=coef0, degree=degree, c=C, tol=1e-6, calibration='none'),
                 SVC(kernel=kernel, gamma=gamma, coef0=coef0, degree=degree, C=C, tol=1e-9), weighted, 'decision_function', y)
    for metric in ('euclidean', 'manhattan', 'cosine'):
        for n, how in ((5, 'uniform'), (8, 'distance')):
            case('knn', 'classes', dict(metric=metric, n_neighbors=n, weights=how), KNeighborsClassifier(n, metric=metric, weights=how),
                 False, 'predict_proba', y)
for weighted in (False, True):
    for kernel, gamma, C, epsilon in (('rbf', 'scale', 1.0, 0.1), ('poly', 0.3, 0.5, 0.3), ('linear', 'auto', 2.0, 0.0)):
        case('svm', 'numbers', dict(kernel=kernel, gamma=gamma, c=C, epsilon=epsilon, tol=1e-6, degree=2, coef0=1.0),
             SVR(kernel=kernel, gamma=gamma, C=C, epsilon=epsilon, tol=1e-9, degree=2, coef0=1.0), weighted, 'predict', value)
for metric in ('euclidean', 'manhattan', 'cosine'):
    for n, how in ((5, 'uniform'), (8, 'distance')):
        case('knn', 'numbers', dict(metric=metric, n_neighbors=n, weights=how), KNeighborsRegressor(n, metric=metric, weights=how),
             False, 'predict', value)

(HERE / 'kernels.json').write_text(json.dumps(dict(
    versions=VERSIONS, x=X.tolist(), queries=Q.tolist(), classes=classes.tolist(), values=value.tolist(), weights=weights.tolist(),
    cases=cases), separators=(',', ':')) + '\n')
