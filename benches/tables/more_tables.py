"""LightGBM, XGBoost and scikit-learn on small tables of numbers: train rows, scored on validation, with the parameters of
the job `real` of benches/peers/classical.py. usage: more_tables.py DIR JOB (the job's name is printed as it came)"""
import os
import sys
for v in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ[v] = '2'
import csv
import gzip
import json
import time
import warnings

import lightgbm
import numpy as np
import xgboost
from sklearn.ensemble import HistGradientBoostingRegressor

warnings.filterwarnings('ignore')
FOLDER, JOB = sys.argv[1:3]
ENGINES = {
    'lgbm': lambda: lightgbm.LGBMRegressor(n_estimators=100, num_leaves=31, learning_rate=.1, n_jobs=2, verbose=-1),
    'xgb31': lambda: xgboost.XGBRegressor(n_estimators=100, max_leaves=31, max_depth=0, grow_policy='lossguide',
                                          learning_rate=.1, tree_method='hist', n_jobs=2),
    'hgb': lambda: HistGradientBoostingRegressor(max_iter=100, max_leaf_nodes=31, learning_rate=.1,
                                                 early_stopping=False, random_state=0),
}


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def column(cells):
    """Numbers as they are, words as their place in alphabetical order."""
    if any(c != '' and not is_number(c) for c in cells):
        places = {c: i for i, c in enumerate(sorted(set(cells)))}
        return [places[c] for c in cells]
    return [np.nan if c == '' else float(c) for c in cells]


for name in ('wine_quality', 'abalone', 'bike_sharing_hour'):
    rows = list(csv.DictReader(gzip.open(f'{FOLDER}/{name}.csv.gz', 'rt')))
    x = np.array([column([r[k] for r in rows]) for k in rows[0] if k not in ('target', 'split')], dtype=float).T
    y = np.array([float(r['target']) for r in rows])
    train, validation = (np.array([r['split'] == part for r in rows]) for part in ('train', 'validation'))
    for engine, make in ENGINES.items():
        start = time.perf_counter()
        model = make().fit(x[train], y[train])
        seconds = time.perf_counter() - start
        rmse = float(np.sqrt(((model.predict(x[validation]) - y[validation]) ** 2).mean()))
        print(json.dumps(dict(job=JOB, name=name, engine=engine, seconds=round(seconds, 4), rmse=round(rmse, 5))))
