"""What the options of histogram boosting come to in the library that each is taken from.

usage: python make_options.py    writes options.json beside this file

Determined, so that predictions are kept: squared error (second derivatives are constant) on columns of fewer distinct values
than bins, on the rows of the fit (between two values a split may lie anywhere). From scikit-learn: sets of categories
without a penalty of their own, and a monotone column. From LightGBM: L1, sets of categories with their penalties, one
category against the rest, and one-side sampling, whose first 1 / rate rounds see every row. From XGBoost: L1 and L2, least
gain, growth by depth, where the most leaves are those of whole levels, and monotone columns: of bounded leaves the gain is
that of their values, here as there (scikit-learn's is another). Early stopping is LightGBM's on stumps over
columns of few levels, each of them among the rows of the fit: then every prediction and so every loss of the watched rows is
determined; the watched rows are those that the learner draws at seed 3 (HELD; the test compares them and prints those of
other data).

Sampled rows and columns are random by nature: for them the mean over seeds of the error on held-out rows is kept. Monotone
columns of two classes: the log loss.
"""
import json
import pathlib

import lightgbm
import numpy as np
import sklearn
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(77)
HELD = dict(number=[1, 3, 9, 29, 30, 32, 37, 38, 43, 44, 45, 46, 49, 53, 60, 61, 65, 67, 71, 81, 83, 87, 88, 89, 98, 99, 100, 101, 122, 126,
                    127, 129, 139, 140, 143, 144, 145, 146, 149, 150, 160, 162, 163, 167, 170, 181, 187, 193, 196, 197],
            two=[1, 4, 5, 13, 22, 24, 27, 28, 29, 30, 32, 49, 50, 53, 62, 63, 64, 66, 68, 69, 77, 80, 82, 93, 94, 100, 105, 106, 108, 109,
                 115, 122, 126, 129, 133, 134, 135, 138, 143, 152, 164, 175, 176, 178, 181, 184, 187, 189, 198, 199])

n = 240
X = np.round(rng.normal(size=(n, 5)), 4)
X[:, 3] = rng.integers(0, 11, n)
X[:, 4] = rng.integers(0, 3, n)
effect = rng.normal(size=11)
signal = 1.5 * X[:, 0] + np.sin(3 * X[:, 1]) - X[:, 1] + 0.5 * X[:, 2] * (X[:, 0] > 0) + effect[X[:, 3].astype(int)] + (X[:, 4] == 1)
number = np.round(signal + 0.4 * rng.normal(size=n), 4)
two = (signal + 0.5 * rng.normal(size=n) > np.median(signal)).astype(int)
holes = X.copy()
holes[rng.random(n) < 0.12, 3] = np.nan
holes[rng.random(n) < 0.12, 0] = np.nan
cases = []


def case(name, library, predict, data, categorical, **params):
    cases.append(dict(name=name, library=library, holes=data is holes, categorical=categorical, params=params,
                      expect=[float(v) for v in predict(data)[:60]]))


# The params are ours; max_iter = 12 and min_samples_leaf = 8 unless said.
common = dict(max_iter=12, early_stopping=False, min_samples_leaf=8)


def scikit(name, data=X, categorical=False, ours=None, **theirs):
    if categorical:
        theirs['categorical_features'] = [3, 4]
    model = HistGradientBoostingRegressor(**common, **theirs).fit(data, number)
    case(name, 'scikit-learn', model.predict, data, categorical, **(ours or {}))


scikit('monotone against the data', monotonic_cst=[-1, 1, 0, 0, 0], max_leaf_nodes=7, l2_regularization=2.0,
       ours=dict(monotonic_cst=dict(x0=-1, x1=1), max_leaf_nodes=7, l2_regularization=2.0))
# Stumps: in smaller nodes some levels have fewer than ten rows, and where those go scikit-learn tries fewer sets.
free = dict(max_leaf_nodes=2, learning_rate=0.3)
ours = free | dict(cat_l2=0.0, max_cat_threshold=255, max_cat_to_onehot=1, min_data_per_group=1)
scikit('sets', categorical=True, **free, ours=ours)
scikit('sets with holes', holes, categorical=True, **free, ours=ours)
scikit('sets, L2', categorical=True, **free, l2_regularization=5.0, ours=ours | dict(l2_regularization=5.0))


def light(name, data=X, categorical=False, rounds=12, ours=None, **theirs):
    params = dict(objective='regression', learning_rate=0.1, num_leaves=31, min_data_in_leaf=8, min_data_in_bin=1, max_bin=255,
                  num_threads=1, deterministic=True, force_col_wise=True, verbose=-1, feature_pre_filter=False) | theirs
    table = lightgbm.Dataset(data, number, categorical_feature=[3, 4] if categorical else [], params=params)
    case(name, 'LightGBM', lightgbm.train(params, table, rounds).predict, data, categorical, **(ours or {}))


# LightGBM asks a column no more below a node that it could not split: with L1 that tells in large trees.
light('L1', lambda_l1=8.0, num_leaves=4, ours=dict(l1_regularization=8.0, max_leaf_nodes=4))
light('sets with penalties', categorical=True, min_data_per_group=20, ours=dict(min_data_per_group=20))
light('other penalties', categorical=True, min_data_per_group=10, cat_smooth=4.0, cat_l2=2.0, max_cat_threshold=2,
      ours=dict(min_data_per_group=10, cat_smooth=4.0, cat_l2=2.0, max_cat_threshold=2))
light('one-side sampling before it begins', rounds=10, data_sample_strategy='goss', ours=dict(max_iter=10, goss=True))


def extreme(name, data=X, ours=None, **theirs):
    params = dict(objective='reg:squarederror', eta=0.1, max_depth=0, tree_method='hist', max_bin=512, reg_lambda=0.0,
                  grow_policy='lossguide', max_leaves=31, min_child_weight=8, nthread=1) | theirs
    model = xgboost.train(params, xgboost.DMatrix(data, number), 12)
    least = float(params['min_child_weight'])
    case(name, 'XGBoost', lambda x: model.predict(xgboost.DMatrix(x)), data, False,
         min_samples_leaf=1, min_child_weight=least, **(ours or {}))


extreme('monotone', monotone_constraints='(1,-1,0,0,0)', ours=dict(monotonic_cst=dict(x0=1, x1=-1)))
extreme('monotone with holes', holes, monotone_constraints='(1,-1,0,0,0)', max_leaves=9,
        ours=dict(monotonic_cst=dict(x0=1, x1=-1), max_leaf_nodes=9))
extreme('monotone, L2', monotone_constraints='(1,-1,0,0,0)', reg_lambda=3.0, eta=0.3,
        ours=dict(monotonic_cst=dict(x0=1, x1=-1), l2_regularization=3.0, learning_rate=0.3))
extreme('large trees, L1', reg_alpha=8.0, ours=dict(l1_regularization=8.0))
extreme('L1, L2, least gain', reg_alpha=3.0, reg_lambda=4.0, gamma=2.0, eta=0.3,
        ours=dict(l1_regularization=3.0, l2_regularization=4.0, min_gain=2.0, learning_rate=0.3))
extreme('by depth', grow_policy='depthwise', max_leaves=8, min_child_weight=3, ours=dict(growth='depth_wise', max_leaf_nodes=8))
extreme('by depth, L1 and L2', grow_policy='depthwise', max_leaves=4, reg_alpha=5.0, reg_lambda=3.0, eta=0.3,
        ours=dict(growth='depth_wise', max_leaf_nodes=4, l1_regularization=5.0, l2_regularization=3.0, learning_rate=0.3))
extreme('by gain', max_leaves=8, ours=dict(growth='leaf_wise', max_leaf_nodes=8))


bound = HistGradientBoostingClassifier(**common, monotonic_cst=[1, -1, 0, 0, 0]).fit(X, two)
monotone = dict(params=dict(monotonic_cst=dict(x0=1, x1=-1)), loss=float(log_loss(two, bound.predict_proba(X))))

# Early stopping.
S = rng.integers(0, 12, (200, 4)).astype(float)
level = 0.3 * S[:, 0] + np.sin(S[:, 1]) - 0.1 * S[:, 2]
goals = dict(number=np.round(level + 1.5 * rng.normal(size=200), 4),
             two=(level + 1.5 * rng.normal(size=200) > np.median(level)).astype(int))
stopped = []
for name, goal in goals.items():
    held = np.array(HELD[name], int)
    learned = np.delete(np.arange(200), held)
    assert all(set(S[learned, j]) == set(S[:, j]) for j in range(4)), 'a level is among the watched rows alone'
    params = dict(objective='regression' if name == 'number' else 'binary', metric='l2' if name == 'number' else 'binary_logloss',
                  learning_rate=0.15, num_leaves=2, min_data_in_leaf=1, min_data_in_bin=1, num_threads=1, deterministic=True,
                  force_col_wise=True, verbose=-1)
    table = lightgbm.Dataset(S[learned], goal[learned], params=params)
    watched, seen = lightgbm.Dataset(S[held], goal[held], reference=table), {}
    model = lightgbm.train(params, table, 300, valid_sets=[watched], valid_names=['watched'], callbacks=[
        lightgbm.early_stopping(8, min_delta=0.0, verbose=False), lightgbm.record_evaluation(seen)])
    losses = next(iter(seen['watched'].values()))
    stopped.append(dict(data=name, held=held.tolist(), rounds=model.best_iteration, seen=len(losses), losses=losses,
                        params=dict(max_iter=300, max_leaf_nodes=2, learning_rate=0.15, min_samples_leaf=1, early_stopping=True,
                                    validation_fraction=0.25, n_iter_no_change=8, tol=0.0),
                        expect=model.predict(S, num_iteration=model.best_iteration)[:60].tolist()))

# Sampling, on the rows of the forests' fixture.
d = {k: np.array(v, float) for k, v in
     json.loads((HERE.parent / 'trees' / 'trees.json').read_text())['data']['forest_numbers'].items() if k != 'classes'}
sampled = []
for theirs, ours in ((dict(), dict()), (dict(data_sample_strategy='goss', top_rate=0.2, other_rate=0.2), dict(goss=True, other_rate=0.2)),
                     (dict(bagging_fraction=0.6, bagging_freq=1), dict(subsample=0.6)), (dict(feature_fraction=0.4), dict(max_features=0.4))):
    errors = []
    for seed in range(10):
        params = dict(objective='regression', learning_rate=0.1, num_leaves=15, min_data_in_leaf=20, num_threads=1, verbose=-1,
                      seed=seed) | theirs
        model = lightgbm.train(params, lightgbm.Dataset(d['x'], d['y'], params=params), 60)
        errors.append(float(np.sqrt(np.mean((model.predict(d['test']) - d['truth']) ** 2))))
    sampled.append(dict(params=ours | dict(max_iter=60, max_leaf_nodes=15), mean=float(np.mean(errors)), std=float(np.std(errors))))
    print(ours, sampled[-1]['mean'], sampled[-1]['std'])

data = dict(x=X.tolist(), holes=[[None if np.isnan(v) else v for v in r] for r in holes.tolist()], levels=[0, 0, 0, 11, 3],
            number=number.tolist(), two=two.tolist())
steps = dict(x=S.tolist(), **{k: v.tolist() for k, v in goals.items()})
versions = dict(sklearn=sklearn.__version__, lightgbm=lightgbm.__version__, xgboost=xgboost.__version__, numpy=np.__version__)
text = json.dumps(dict(versions=versions, data=data, cases=cases, monotone=monotone, steps=steps, stopped=stopped, sampled=sampled),
                  separators=(',', ':'))
(HERE / 'options.json').write_text(text + '\n')
print(len(text), 'bytes;', len(cases), 'cases;', [(s['rounds'], s['seen']) for s in stopped])
