"""Small models that XGBoost and LightGBM saved, and what they predict.

usage: python make.py    writes the models and interop.json beside this file
"""
import json
import pathlib

import lightgbm as lgb
import numpy as np
import xgboost as xgb

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(12)
n, columns = 160, 14
X = np.round(rng.normal(size=(n, columns)), 3)
X[:, 1] = rng.integers(0, 40, n)
X[:, 2] = rng.integers(0, 3, n)
X[:, 3] = np.where(rng.random(n) < 0.5, 0.0, X[:, 3])
X[:, 4] = np.float32(0.1) * rng.integers(0, 9, n)
full = X.copy()
X[rng.random((n, columns)) < 0.1] = np.nan
signal = np.nan_to_num(X[:, 0]) + (full[:, 1] * 7 % 5 < 2) * 1.5 + np.nan_to_num(X[:, 4]) - np.isnan(X[:, 5])
number = signal + 0.1 * rng.normal(size=n)
count = rng.poisson(np.exp(0.4 * signal)).astype(float)
two = (number > np.median(number)).astype(int)
three = np.digitize(number, np.quantile(number, [0.3, 0.7]))
# Rows that no training saw: large and odd categories, numbers between 32-bit numbers, zeros, infinities are out.
Q = X[:24].copy()
Q[0, 1], Q[1, 1], Q[2, 1], Q[3, 1], Q[4, 1] = 1000, -1, 3.7, np.nan, 41
Q[5, :] = 0.0
Q[6, :] = np.nan
Q[7, 4], Q[8, 4] = float(np.float32(0.3)), np.nextafter(float(np.float32(0.3)), 0)
Q[9, 0], Q[10, 0] = 1e-36, -1e-20
cases = []


def keep(library, name, model, suffix, expect):
    file = f'{library}-{name}{suffix}'
    model.save_model(HERE / file)
    expect = np.asarray(expect, dtype=float)
    cases.append(dict(library=library, file=file, expect=expect.reshape(len(expect), -1).tolist()))


def xgboost(name, y, rounds=4, suffix='.json', categories=False, **params):
    types = ['c' if categories and j in (1, 2) else 'q' for j in range(columns)]
    matrix = lambda x: xgb.DMatrix(x, feature_types=types, enable_categorical=categories)
    train = X.copy()
    if categories:
        train[:, 1], train[:, 2] = full[:, 1], full[:, 2]
    data = xgb.DMatrix(train, y, feature_types=types, enable_categorical=categories)
    model = xgb.train(dict(max_depth=3, nthread=1, seed=1, tree_method='hist', **params), data, rounds)
    rows = Q.copy()
    if categories:
        rows[:, 1:3] = np.where(rows[:, 1:3] < 0, 1, rows[:, 1:3])
    found = model.predict(matrix(rows))
    if params['objective'] == 'multi:softmax':
        raw = model.predict(matrix(rows), output_margin=True)
        found = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    keep('xgboost', name, model, suffix, found)
    cases[-1]['positive_categories'] = categories


for suffix in ('.json', '.ubj'):
    xgboost('binary', two, objective='binary:logistic', suffix=suffix)
    xgboost('categories', two, objective='binary:logistic', categories=True, max_cat_to_onehot=2, suffix=suffix)
xgboost('softprob', three, objective='multi:softprob', num_class=3)
xgboost('softmax', three, objective='multi:softmax', num_class=3)
xgboost('squared', number, objective='reg:squarederror')
xgboost('absolute', number, objective='reg:absoluteerror')
xgboost('poisson', count, objective='count:poisson')
xgboost('tweedie', count, objective='reg:tweedie', tweedie_variance_power=1.3)
xgboost('gamma', count + 0.5, objective='reg:gamma')
xgboost('raw', two, objective='binary:logitraw')
xgboost('hinge', two, objective='binary:hinge')
xgboost('targets', np.stack([number, -number], 1), objective='reg:squarederror')
xgboost('forest', number, objective='reg:squarederror', num_parallel_tree=3, subsample=0.7)
xgboost('dart', number, objective='reg:squarederror', booster='dart', rate_drop=0.5, one_drop=1, suffix='.ubj', rounds=6)


def lightgbm(name, y, rounds=4, categories=False, zero=False, keep_rows=None, **params):
    base = dict(num_leaves=6, min_data_in_leaf=5, verbose=-1, num_threads=1, seed=1, min_data_per_group=5, cat_smooth=2,
                zero_as_missing=zero)
    # LightGBM reads NaN among categories as a category of its own.
    data = lgb.Dataset(X, y, categorical_feature=[1, 2] if categories else [])
    model = lgb.train({**base, **params}, data, rounds)
    keep('lightgbm', name, model, '.txt', model.predict(Q, num_threads=1))


lightgbm('binary', two, objective='binary', sigmoid=1.5)
lightgbm('categories', number, objective='regression', categories=True)
lightgbm('zero', number, objective='regression', zero=True)
lightgbm('multiclass', three, objective='multiclass', num_class=3)
lightgbm('sqrt', number - number.min(), objective='regression', reg_sqrt=True)
lightgbm('poisson', count, objective='poisson')
lightgbm('tweedie', count, objective='tweedie')
lightgbm('quantile', number, objective='quantile', alpha=0.8)
lightgbm('xentropy', two.astype(float), objective='cross_entropy')
lightgbm('xentlambda', two.astype(float), objective='cross_entropy_lambda')
lightgbm('dart', number, objective='regression', boosting='dart', drop_rate=0.6, rounds=6)
lightgbm('rf', two, objective='binary', boosting='rf', bagging_freq=1, bagging_fraction=0.6, feature_fraction=0.8)
lightgbm('constant', np.full(n, 2.5), objective='regression')
lightgbm('ova', three, objective='multiclassova', num_class=3)
ova = np.array(cases[-1]['expect'])
cases[-1]['expect'] = (ova / ova.sum(1, keepdims=True)).tolist()

linear = lgb.train(dict(objective='regression', linear_tree=True, verbose=-1, num_threads=1, num_leaves=3),
                   lgb.Dataset(full, number), 1)
linear.save_model(HERE / 'refused-linear.txt')
xgb.train(dict(booster='gblinear', objective='reg:squarederror', nthread=1), xgb.DMatrix(full, number), 1).save_model(
    HERE / 'refused-gblinear.json')
rows = [[None if np.isnan(v) else v for v in r] for r in Q.tolist()]
(HERE / 'interop.json').write_text(json.dumps(dict(
    versions=dict(xgboost=xgb.__version__, lightgbm=lgb.__version__, numpy=np.__version__), rows=rows, cases=cases)) + '\n')
