"""What scikit-learn's imputers, scalers, encoders, selectors and isolation forest make of small tables.

usage: python make.py    writes prepare.json beside this file

NaN is written as null. Mutual information is estimated without ties, because scikit-learn breaks ties by random noise.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.feature_selection import (
    RFE, chi2, f_classif, f_regression, mutual_info_classif, mutual_info_regression, r_regression,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import (
    MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler, TargetEncoder,
)

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(4)


def plain(value):
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, float) and np.isnan(value):
        return None
    return value


n = 40
X = np.round(rng.normal(size=(n, 4)) * [1, 10, 0.1, 5] + [0, 100, 3, 0], 3)
X[:, 3] = rng.integers(0, 5, n)
holes = X.copy()
holes[rng.random(X.shape) < 0.15] = np.nan
weights = np.round(rng.random(n) * 3, 2)
new = np.array([[np.nan, 90.0, 3.5, 2.0], [5.0, np.nan, np.nan, 9.0], [-4.0, 200.0, 2.0, np.nan]])

imputers = {
    name: SimpleImputer(strategy=name, fill_value=-7.0 if name == "constant" else None).fit(holes).transform(new)
    for name in ("mean", "median", "most_frequent", "constant")
}
scalers = {
    "standard": StandardScaler().fit(holes).transform(new),
    "standard_weighted": StandardScaler().fit(X, sample_weight=weights).transform(new),
    "min_max": MinMaxScaler().fit(holes).transform(new),
    "min_max_clip": MinMaxScaler(clip=True).fit(holes).transform(new),
    "robust": RobustScaler().fit(holes).transform(new),
    "robust_10_90": RobustScaler(quantile_range=(10, 90)).fit(holes).transform(new),
}

levels = np.array(["oak", "ash", "elm", "fir"])
column = levels[rng.choice(4, n, p=[0.5, 0.3, 0.15, 0.05])].astype(object)
other = np.array(["red", "blue"])[rng.integers(0, 2, n)].astype(object)
table = np.stack([column, other], 1)
unseen = np.array([["ash", "red"], ["yew", "blue"], ["fir", "green"]], dtype=object)
one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(table)
ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(table)

numbers = np.round(rng.normal(size=n) + (column == "oak") * 2, 3)
two = np.where(rng.random(n) < 0.3 + 0.4 * (column == "oak"), "yes", "no")
three = np.array(["a", "b", "c"])[rng.integers(0, 3, n)]
targets = {}
for name, y, kind in (("numbers", numbers, "continuous"), ("two", two, "binary"), ("three", three, "multiclass")):
    for smooth in ("auto", 3.0):
        fitted = TargetEncoder(smooth=smooth, target_type=kind).fit(table, y)
        targets[f"{name}_{smooth}"] = fitted.transform(unseen)

m = 120
A = rng.normal(size=(m, 5))
b = A[:, 0] - 0.5 * A[:, 1] ** 2 + 0.3 * rng.normal(size=m)
c = np.digitize(A[:, 0] + 0.7 * A[:, 2] + 0.5 * rng.normal(size=m), [-0.5, 0.7])
A[:, 4] = (A[:, 4] > 0).astype(float)
counts = rng.poisson(2 + 2 * (np.arange(5)[None, :] == c[:, None]), (m, 5)).astype(float)
discrete = [False, False, False, False, True]
scores = {
    "f_classif": f_classif(A, c)[0],
    "f_regression": f_regression(A, b)[0],
    "chi2": chi2(counts, c)[0],
    "correlation": np.abs(r_regression(A, b)),
    "mutual_info_classif": mutual_info_classif(A, c, discrete_features=discrete, random_state=0),
    "mutual_info_regression": mutual_info_regression(A, b, discrete_features=discrete, random_state=0),
}
wide = rng.normal(size=(m, 8))
wide_numbers = wide @ np.array([3.0, 0.0, -2.0, 0.5, 0.0, 1.0, 0.1, -0.2]) + 0.5 * rng.normal(size=m)
wide_classes = (wide_numbers + rng.normal(size=m) > 0).astype(int)
rfe = {
    "ridge": RFE(Ridge(alpha=1.0), n_features_to_select=3, step=1).fit(wide, wide_numbers).ranking_,
    "logistic_regression": RFE(
        LogisticRegression(C=1.0, tol=1e-10, max_iter=10000), n_features_to_select=3, step=2
    ).fit(wide, wide_classes).ranking_,
}

cloud = np.round(np.vstack([rng.normal(size=(190, 3)), rng.normal(size=(10, 3)) * 2 + 6]), 4)
forests = np.stack([-IsolationForest(random_state=seed).fit(cloud).score_samples(cloud) for seed in range(20)])

expect = dict(
    versions=dict(sklearn=sklearn.__version__, numpy=np.__version__),
    x=X, holes=holes, weights=weights, new=new, imputers=imputers, scalers=scalers,
    table=table, unseen=unseen, one_hot=one_hot.transform(unseen), ordinal=ordinal.transform(unseen),
    numbers=numbers, two=two, three=three, targets=targets,
    a=A, b=b, c=c, counts=counts, scores=scores,
    wide=wide, wide_numbers=wide_numbers, wide_classes=wide_classes, rfe=rfe,
    cloud=cloud, isolation_mean=forests.mean(0), isolation_std=forests.std(0),
)
expect = {
    name: {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else plain(value)
    for name, value in expect.items()
}
(HERE / "prepare.json").write_text(json.dumps(expect) + "\n")
