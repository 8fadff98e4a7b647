"""What scikit-learn's stochastic gradient descent comes to where its path is determined: rows in their own order.

usage: python make_sgd.py    writes sgd.json beside this file

All features are quarters, which f32 holds exactly, and none is zero in the dense table, whose zeros scikit-learn's L1
penalty reaches and ours does not; the sparse table has its zeros left out on both sides, and the intercept decay that
scikit-learn has for sparse rows.
"""
import json
import pathlib

import numpy as np
import scipy.sparse
import sklearn
from sklearn.linear_model import SGDClassifier, SGDRegressor

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(71)
ROWS, COLUMNS = 40, 6
dense = rng.integers(1, 7, (ROWS, COLUMNS)) / 4.0 * rng.choice([-1, 1], (ROWS, COLUMNS))
sparse = dense * (rng.random((ROWS, COLUMNS)) < 0.5)
values = np.round(dense @ rng.normal(size=COLUMNS) + 0.7 + 0.3 * rng.normal(size=ROWS), 6)
classes = np.digitize(values, np.quantile(values, [0.35, 0.7]))
weights = rng.integers(1, 9, ROWS) / 4.0

cases = []


def case(regression, params, epochs=4, tables=('dense',), weighted=False, count=2, parts=1, tol=None):
    for table in tables:
        x = dense if table == 'dense' else scipy.sparse.csr_matrix(sparse)
        y = values if regression else np.minimum(classes, count - 1)
        v = weights if weighted else np.ones(ROWS)
        make = SGDRegressor if regression else SGDClassifier
        model = make(shuffle=False, random_state=0, tol=tol, max_iter=epochs, **params)
        if parts == 1:
            model.fit(x, y, sample_weight=v)
        else:
            extra = {} if regression else dict(classes=np.arange(count))
            for part in np.array_split(np.arange(ROWS), parts):
                model.partial_fit(x[part], y[part], sample_weight=v[part], **extra)
        given = dict(params, shuffle=False, max_iter=epochs, tol=tol)
        given['intercept_decay'] = 1.0 if table == 'dense' else 0.01
        cases.append(dict(regression=regression, table=table, params=given, weighted=weighted, classes=count, parts=parts,
                          epochs=int(model.n_iter_), weights=np.atleast_2d(model.coef_).T.ravel().tolist(),
                          intercept=np.ravel(model.intercept_).tolist()))


BOTH = ('dense', 'sparse')
for loss in ('hinge', 'squared_hinge', 'perceptron', 'log_loss', 'modified_huber', 'squared_error', 'huber', 'epsilon_insensitive',
             'squared_epsilon_insensitive'):
    gentle = dict(learning_rate='constant', eta0=0.01) if loss.startswith('sq') else {}
    case(False, dict(loss=loss, alpha=0.01, **gentle), tables=BOTH, count=3, weighted=True)
for loss in ('squared_error', 'huber', 'epsilon_insensitive', 'squared_epsilon_insensitive'):
    case(True, dict(loss=loss, alpha=0.01, epsilon=0.2), tables=BOTH, weighted=True)
for penalty in ('l2', 'l1', 'elasticnet', None):
    given = dict(penalty=penalty, alpha=0.02, l1_ratio=0.4, loss='log_loss')
    case(False, given, tables=BOTH)
    case(True, dict(given, loss='huber', epsilon=0.5), tables=BOTH)
for rate in ('optimal', 'constant', 'invscaling', 'adaptive'):
    given = dict(learning_rate=rate, eta0=0.05, power_t=0.4, alpha=0.01)
    case(False, dict(given, loss='log_loss'))
    case(True, dict(given, loss='huber', epsilon=0.5))
    # With a tolerance, when the epochs end is determined too.
    case(False, dict(given, loss='log_loss', n_iter_no_change=2), epochs=300, tol=1e-3)
    case(True, dict(given, loss='huber', epsilon=0.5, penalty='elasticnet', n_iter_no_change=2), epochs=300, tol=1e-3)
for average in (1, 70, 1000):
    case(False, dict(average=average, alpha=0.01), count=3)
    case(True, dict(average=average, alpha=0.01), tables=BOTH)
    # (A classifier's partial_fit that averages goes on from the intercept of the first batch in scikit-learn.)
    case(False, dict(average=average, alpha=0.01, fit_intercept=False), parts=4)
    case(True, dict(average=average, alpha=0.01), parts=4)
case(False, dict(loss='log_loss', alpha=0.01, fit_intercept=False))
case(False, dict(loss='modified_huber', alpha=0.01), parts=5, count=3, weighted=True, tables=BOTH)
case(True, dict(alpha=0.01), parts=5, weighted=True, tables=BOTH)

for c in cases:  # ours has a name for no penalty
    if c['params'].get('penalty', '') is None:
        c['params']['penalty'] = 'none'
(HERE / 'sgd.json').write_text(json.dumps(dict(
    versions=dict(sklearn=sklearn.__version__, numpy=np.__version__), dense=dense.tolist(), sparse=sparse.tolist(),
    values=values.tolist(), classes=classes.tolist(), weights=weights.tolist(), cases=cases), separators=(',', ':')) + '\n')
