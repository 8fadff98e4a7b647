"""What scikit-learn's histogram and classic gradient boosting predict on small problems.

usage: python make.py    writes boost.json beside this file

Where the trees are determined (constant second derivatives, fewer distinct values than bins, no ties) the predictions
themselves are kept; elsewhere the loss on the rows of the fit.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.ensemble import (GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier,
                              HistGradientBoostingRegressor)
from sklearn.metrics import log_loss, mean_pinball_loss, mean_poisson_deviance

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(4)

n = 240
X = np.round(rng.normal(size=(n, 4)), 4)
signal = 2 * X[:, 0] + np.sin(3 * X[:, 1]) + X[:, 2] * (X[:, 3] > 0)
number = np.round(signal + 0.3 * rng.normal(size=n), 4)
count = rng.poisson(np.exp(0.4 * signal)).astype(float)
two = (signal + 0.5 * rng.normal(size=n) > 0).astype(int)
three = np.digitize(signal + 0.5 * rng.normal(size=n), [-1, 1])
holes = X.copy()
holes[rng.random((n, 4)) < 0.15] = np.nan
weights = rng.integers(1, 4, n).astype(float)
common = dict(max_iter=12, early_stopping=False, min_samples_leaf=8)


def exact(name, model, x, y, w=None, **params):
    model.fit(x, y, sample_weight=w)
    return dict(name=name, holes=bool(np.isnan(x).any()), weighted=w is not None, params=params,
                expect=[float(v) for v in model.predict(x)[:40]])


hist = [
    exact('squared', HistGradientBoostingRegressor(**common), X, number),
    exact('holes', HistGradientBoostingRegressor(**common), holes, number),
    exact('small leaves', HistGradientBoostingRegressor(**common, max_leaf_nodes=5, l2_regularization=3.0), X, number,
          max_leaf_nodes=5, l2_regularization=3.0),
    exact('shallow', HistGradientBoostingRegressor(**common, max_depth=2, learning_rate=0.3), X, number,
          max_depth=2, learning_rate=0.3),
]


def fitted(name, model, y, measure, **params):
    return dict(name=name, loss=float(measure(model.fit(X, y))), params=params)


losses = [
    fitted('two', HistGradientBoostingClassifier(**common), two, lambda m: log_loss(two, m.predict_proba(X))),
    fitted('three', HistGradientBoostingClassifier(**common), three, lambda m: log_loss(three, m.predict_proba(X))),
    fitted('count', HistGradientBoostingRegressor(**common, loss='poisson'), count,
           lambda m: mean_poisson_deviance(count, m.predict(X)), loss='poisson'),
    fitted('absolute', HistGradientBoostingRegressor(**common, loss='absolute_error'), number,
           lambda m: mean_pinball_loss(number, m.predict(X), alpha=0.5), loss='absolute_error'),
    fitted('quantile', HistGradientBoostingRegressor(**common, loss='quantile', quantile=0.8), number,
           lambda m: mean_pinball_loss(number, m.predict(X), alpha=0.8), loss='quantile', quantile=0.8),
]


def classic(name, model, y, w=None, proba=False, **params):
    model.fit(X, y, sample_weight=w)
    found = model.predict_proba(X)[:40, 1:] if proba else model.predict(X)[:40, None]
    return dict(name=name, weighted=w is not None, params=params, expect=found.tolist())


gb = dict(n_estimators=15, random_state=0)
classics = [
    classic('squared', GradientBoostingRegressor(**gb, criterion='squared_error'), number),
    classic('weighted', GradientBoostingRegressor(**gb, criterion='squared_error'), number, weights),
    classic('absolute', GradientBoostingRegressor(**gb, criterion='squared_error', loss='absolute_error'), number,
            loss='absolute_error'),
    classic('deep', GradientBoostingRegressor(**gb, criterion='squared_error', max_depth=4, min_samples_leaf=5,
                                              learning_rate=0.3), number,
            max_depth=4, min_samples_leaf=5, learning_rate=0.3),
    classic('two', GradientBoostingClassifier(**gb, criterion='squared_error'), two, proba=True),
    classic('three', GradientBoostingClassifier(**gb, criterion='squared_error'), three, proba=True),
]
data = dict(x=X.tolist(), holes=[[None if np.isnan(v) else v for v in r] for r in holes.tolist()],
            number=number.tolist(), count=count.tolist(), two=two.tolist(), three=three.tolist(),
            weights=weights.tolist())
out = dict(versions=dict(sklearn=sklearn.__version__, numpy=np.__version__), data=data, hist=hist, losses=losses,
           classic=classics)
(HERE / 'boost.json').write_text(json.dumps(out) + '\n')
