"""What scikit-learn's trees, forests and AdaBoost learn from small problems.

usage: python make.py    writes trees.json beside this file

Numbers are exact in f32, which scikit-learn's trees work on. Where two splits are equally good scikit-learn takes one
by lot; every tree here is grown with several seeds and kept only if all agree, so that what is expected is determined.
Forests are random by nature: for them the mean over seeds of what held-out rows give is written down.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.ensemble import (AdaBoostClassifier, AdaBoostRegressor, ExtraTreesClassifier, ExtraTreesRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(11)


def quarter(a):
    return np.round(a * 4096) / 4096


def problem(classes, rows=260, columns=5, missing=0.0):
    X = quarter(rng.normal(size=(rows, columns)))
    z = X[:, 0] + X[:, 1] * X[:, 2] - 0.7 * (X[:, 3] > 0.3) + 0.4 * rng.normal(size=rows)
    if classes:
        y = np.searchsorted(np.quantile(z, np.arange(1, classes) / classes), z)
    else:
        y = quarter(z)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y, rng.integers(0, 4, rows) / 2.0 + 0.25


def brier(u, p):
    return float(((p - np.eye(p.shape[1])[u]) ** 2).sum(1).mean())


def rows(X):
    return [[None if np.isnan(v) else float(v) for v in row] for row in X]


def determined(make, X, y, w, test, classes):
    found = [make(seed).fit(X, y, sample_weight=w) for seed in range(6)]
    outs = [m.predict_proba(test) if classes else m.predict(test)[:, None] for m in found]
    assert all(np.allclose(outs[0], o, atol=1e-12) for o in outs), 'ties: this case is not determined'
    assert all(np.allclose(found[0].feature_importances_, m.feature_importances_) for m in found)
    return dict(expect=outs[0].tolist(), importances=found[0].feature_importances_.tolist())


data, cases = {}, []
for name, classes, missing in (('two', 2, 0), ('three', 3, 0), ('number', 0, 0), ('two_missing', 2, .1), ('number_missing', 0, .1)):
    X, y, w = problem(classes, missing=missing)
    test = problem(classes, rows=40, missing=missing)[0]
    data[name] = dict(classes=classes, x=rows(X), y=y.tolist(), weights=w.tolist(), test=rows(test))
    Tree = DecisionTreeClassifier if classes else DecisionTreeRegressor
    trees = [dict(max_depth=3, min_samples_leaf=8), dict(max_leaf_nodes=7, min_samples_leaf=6), dict(max_depth=5, min_samples_leaf=12, min_impurity_decrease=.01)]
    if classes:
        trees.append(dict(criterion='entropy', max_depth=3, min_samples_leaf=9))
    for params in trees:
        for weighted in (False, True):
            case = dict(learner='decision_tree', data=name, params=params, weighted=weighted)
            cases.append(case | determined(lambda seed: Tree(random_state=seed, **params), X, y, w if weighted else None, test, classes))
    if classes and not missing:
        for params in (dict(n_estimators=12), dict(n_estimators=6, learning_rate=.5)):
            for weighted in (False, True):
                case = dict(learner='ada_boost', data=name, params=params, weighted=weighted)
                cases.append(case | determined(lambda seed: AdaBoostClassifier(random_state=seed, **params), X, y, w if weighted else None, test, classes))

forests = []
for name, classes in (('forest_classes', 3), ('forest_numbers', 0)):
    X, y, _ = problem(classes, rows=500)
    Z, u, _ = problem(classes, rows=1000)
    data[name] = dict(classes=classes, x=rows(X), y=y.tolist(), weights=[], test=rows(Z), truth=u.tolist())
    makers = dict(random_forest=RandomForestClassifier if classes else RandomForestRegressor,
                  extra_trees=ExtraTreesClassifier if classes else ExtraTreesRegressor)
    if not classes:
        makers['ada_boost'] = AdaBoostRegressor
    for learner, make in makers.items():
        found = [make(n_estimators=60 if learner != 'ada_boost' else 50, random_state=seed).fit(X, y) for seed in range(8)]
        if classes:
            scores = [(accuracy_score(u, m.predict(Z)), brier(u, m.predict_proba(Z))) for m in found]
        else:
            scores = [(r2_score(u, m.predict(Z)), float(np.std(m.predict(Z)))) for m in found]
        forests.append(dict(learner=learner, data=name, trees=found[0].n_estimators,
                            mean=np.mean(scores, 0).tolist(), std=np.std(scores, 0).tolist(),
                            importances=np.mean([m.feature_importances_ for m in found], 0).tolist()))

versions = dict(sklearn=sklearn.__version__, numpy=np.__version__)
text = json.dumps(dict(versions=versions, data=data, cases=cases, forests=forests))
(HERE / 'trees.json').write_text(text + '\n')
print(len(text), 'bytes;', len(cases), 'cases')
for f in forests:
    print(f['learner'], f['data'], f['mean'], f['std'])
