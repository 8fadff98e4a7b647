"""What scikit-learn's linear regressions and ridge classifier learn from a small problem.

usage: python make_linear.py    writes linear.json beside this file

All features are quarters, which f32 holds exactly. Solvers run to a tight tolerance, so that what they reach is the
minimum and not the place where they stopped.
"""
import json
import pathlib

import numpy as np
import scipy
import sklearn
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.svm import LinearSVR

HERE = pathlib.Path(__file__).parent
VERSIONS = dict(sklearn=sklearn.__version__, numpy=np.__version__, scipy=scipy.__version__)
rng = np.random.default_rng(31)


def problem(rows, columns):
    X = rng.integers(-6, 7, (rows, columns)) / 4.0 * (rng.random((rows, columns)) < 0.6)
    w = rng.normal(size=columns) * (rng.random(columns) < 0.5)
    y = X @ w + 3.0 + 0.5 * rng.normal(size=rows)
    return dict(x=X, y=np.round(y, 6), weights=rng.integers(0, 9, rows) / 4.0,
                classes=(np.digitize(y, np.quantile(y, [0.3, 0.7]))))


DATA = dict(tall=problem(60, 8), wide=problem(20, 35))
cases = []


def case(learner, data, params, model, weighted, objective):
    d = DATA[data]
    s = d['weights'] if weighted else None
    model.fit(d['x'], d['y'], sample_weight=s)
    v = d['weights'] if weighted else np.ones(len(d['y']))
    squares = v @ (d['y'] - model.predict(d['x'])) ** 2
    cases.append(dict(learner=learner, data=data, params=params, weighted=weighted,
                      objective=float(objective(squares, v.sum(), np.ravel(model.coef_))),
                      expect=model.predict(d['x']).tolist()))


for data in DATA:
    for weighted in (False, True):
        for bias in (True, False):
            case('linear_regression', data, dict(fit_intercept=bias), LinearRegression(fit_intercept=bias), weighted,
                 lambda squares, total, w: squares)
            for alpha in (0.1, 10.0):
                case('ridge', data, dict(alpha=alpha, fit_intercept=bias), Ridge(alpha=alpha, fit_intercept=bias), weighted,
                     lambda squares, total, w, alpha=alpha: squares + alpha * w @ w)
        for alpha in (0.01, 0.3):
            case('lasso', data, dict(alpha=alpha, tol=1e-12, max_iter=100000), Lasso(alpha=alpha, tol=1e-13, max_iter=1000000),
                 weighted, lambda squares, total, w, alpha=alpha: squares / (2 * total) + alpha * abs(w).sum())
            for ratio in (0.2, 0.9):
                case('elastic_net', data, dict(alpha=alpha, l1_ratio=ratio, tol=1e-12, max_iter=100000, fit_intercept=ratio < 0.5),
                     ElasticNet(alpha=alpha, l1_ratio=ratio, tol=1e-13, max_iter=1000000, fit_intercept=ratio < 0.5), weighted,
                     lambda squares, total, w, alpha=alpha, ratio=ratio: squares / (2 * total) + alpha * ratio * abs(w).sum()
                     + 0.5 * alpha * (1 - ratio) * w @ w)

for loss, epsilon, C in (('epsilon_insensitive', 0.2, 0.5), ('squared_epsilon_insensitive', 0.0, 1.0)):
    for weighted in (False, True):
        d = DATA['tall']
        v = d['weights'] if weighted else np.ones(len(d['y']))
        model = LinearSVR(C=C, loss=loss, epsilon=epsilon, tol=1e-10, max_iter=5000000, random_state=0).fit(d['x'], d['y'], sample_weight=v)
        far = np.maximum(0, abs(d['y'] - model.predict(d['x'])) - epsilon)
        cases.append(dict(learner='linear_svm', data='tall', params=dict(c=C, loss=loss, epsilon=epsilon, tol=1e-9, max_iter=1000000),
                          weighted=weighted, objective=float(0.5 * (model.coef_ @ model.coef_ + model.intercept_[0] ** 2)
                                                             + C * v @ (far ** 2 if loss.startswith('sq') else far)),
                          expect=model.predict(d['x']).tolist()))

classifiers = []
for classes in (2, 3):
    for alpha, weight, weighted in ((1.0, None, False), (0.1, {0: 3.0, 1: 0.5}, True), (10.0, None, True)):
        d = DATA['tall']
        y = np.minimum(d['classes'], classes - 1)
        model = RidgeClassifier(alpha=alpha, class_weight=weight).fit(d['x'], y, sample_weight=d['weights'] if weighted else None)
        z = model.decision_function(d['x'])
        classifiers.append(dict(classes=classes, params=dict(alpha=alpha, class_weight=dict(a=3.0, b=0.5) if weight else 'none'), weighted=weighted,
                                expect=(z[:, None] if z.ndim == 1 else z).tolist()))

logistic = []
for classes in (2, 3):
    for C, ratio, weighted in ((1.0, 1.0, False), (0.3, 1.0, True), (1.0, 0.5, False), (3.0, 0.2, True)):
        d = DATA['tall']
        y = np.minimum(d['classes'], classes - 1)
        v = d['weights'] if weighted else np.ones(len(y))
        model = LogisticRegression(C=C, l1_ratio=ratio, solver='saga', tol=1e-10, max_iter=200000, random_state=0).fit(d['x'], y, sample_weight=v)
        z = model.decision_function(d['x'])
        z = np.stack([np.zeros(len(y)), z], 1) if z.ndim == 1 else z
        loss = v @ (np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y])
        w = model.coef_.ravel()
        logistic.append(dict(classes=classes, weighted=weighted, params=dict(
            c=C, penalty='l1' if ratio == 1 else 'elasticnet', l1_ratio=ratio, tol=1e-9, max_iter=10000),
            objective=float((loss + (ratio * abs(w).sum() + 0.5 * (1 - ratio) * w @ w) / C) / v.sum())))

data = {k: {name: v.tolist() for name, v in d.items()} for k, d in DATA.items()}
(HERE / 'linear.json').write_text(json.dumps(dict(versions=VERSIONS, data=data, cases=cases, classifiers=classifiers, logistic=logistic),
                                             separators=(',', ':')) + '\n')
