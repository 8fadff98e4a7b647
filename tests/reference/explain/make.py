"""SHAP values of small models of trees and of a linear one. usage: make.py > expect.json

Made with the versions that the file names. Rows are numbers that 32 bits hold, so that every library sees the same.
"""
import json
import warnings
from importlib.metadata import version

import lightgbm
import numpy as np
import shap
import xgboost
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression

warnings.filterwarnings('ignore')
rng = np.random.default_rng(5)
n, columns = 160, 6
x = rng.normal(size=(n, columns)).round(2).astype('f4').astype('f8')
score = x[:, 0] - x[:, 1] * x[:, 2] + 0.5 * (x[:, 3] > 0.4)
classes = np.digitize(score, [-0.6, 0.6])
value = score + 0.1 * x[:, 4]
rows, background = x[:12], x[40:60]
holes = x.copy()
holes[rng.random(holes.shape) < 0.1] = np.nan


def tree(t):
    return dict(
        left=t.children_left.tolist(), right=t.children_right.tolist(), column=t.feature.tolist(),
        threshold=t.threshold.tolist(), values=t.value[:, 0, :].tolist(), cover=t.weighted_n_node_samples.tolist())


def found(values):
    """Row by row, column by column, output by output."""
    values = np.asarray(values)
    return (values if values.ndim == 3 else values[:, :, None]).tolist()


def base(values):
    return np.atleast_1d(np.asarray(values, dtype=float)).tolist()


def explained(model, x, background):
    path = shap.TreeExplainer(model, feature_perturbation='tree_path_dependent')
    both = shap.TreeExplainer(model, data=background, feature_perturbation='interventional')
    return dict(
        path=found(path.shap_values(x, check_additivity=False)), path_base=base(path.expected_value),
        interventional=found(both.shap_values(x, check_additivity=False)), interventional_base=base(both.expected_value))


def nullable(a):
    return [[None if np.isnan(v) else v for v in row] for row in a.tolist()]


forest = RandomForestClassifier(8, max_depth=7, random_state=1).fit(x, classes)
boosted = GradientBoostingRegressor(n_estimators=12, max_depth=4, random_state=1).fit(x, value)
leaves = dict(objective='multiclass', num_class=3, num_leaves=9, min_data_in_leaf=5, verbose=-1, num_threads=1, seed=1)
light = lightgbm.train(leaves, lightgbm.Dataset(holes, classes), 6)
binary = dict(objective='binary', num_leaves=12, min_data_in_leaf=4, verbose=-1, num_threads=1, seed=1)
light_two = lightgbm.train(binary, lightgbm.Dataset(holes, classes > 0), 8)
extreme = xgboost.train(
    dict(objective='binary:logistic', max_depth=5, nthread=1, seed=1), xgboost.DMatrix(holes, classes > 0), 8)
line = LinearRegression().fit(x, value)
# The masker takes a sample of more than 100 rows unless it is told otherwise.
linear = shap.LinearExplainer(line, shap.maskers.Independent(x, max_samples=len(x)))
seen = xgboost.DMatrix(holes[:12])
contributions = extreme.predict(seen, pred_contribs=True)

print(json.dumps(dict(
    versions={name: version(name) for name in ('shap', 'scikit-learn', 'lightgbm', 'xgboost', 'numpy')},
    rows=rows.tolist(), holes=nullable(holes[:12]), background=background.tolist(),
    background_holes=nullable(holes[40:60]),
    forest=dict(trees=[tree(e.tree_) for e in forest.estimators_], **explained(forest, rows, background)),
    boosted=dict(
        trees=[tree(e[0].tree_) for e in boosted.estimators_], rate=boosted.learning_rate,
        start=float(boosted.init_.constant_[0, 0]), **explained(boosted, rows, background)),
    lightgbm=dict(text=light.model_to_string(), **explained(light, holes[:12], holes[40:60])),
    lightgbm_two=dict(text=light_two.model_to_string(), **explained(light_two, holes[:12], holes[40:60])),
    xgboost=dict(
        model=json.loads(extreme.save_raw('json').decode()), path=found(contributions[:, :-1]),
        path_base=base(contributions[0, -1])),
    linear=dict(
        train=x.tolist(), value=value.tolist(), values=found(linear.shap_values(rows)),
        base=base(linear.expected_value)),
)))
