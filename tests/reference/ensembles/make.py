"""What scikit-learn's ensembles and calibrators say of small problems, and conformal quantiles by their definition.

usage: python make.py    writes ensembles.json beside this file

Members are those whose fit is determined (logistic regression, naive Bayes, ridge), solved to a tight tolerance. Folds and
held-out rows are drawn by the learners under test: FOLDS and HELD are their draws at seed 3 (the test compares them and
prints those of other data), so that both sides learn from the same rows. Bagged trees are random by nature: for them the mean
over seeds of what held-out rows give is written down.
"""
import json
import math
import pathlib
from fractions import Fraction

import numpy as np
import scipy
import sklearn
from sklearn.calibration import CalibratedClassifierCV, _SigmoidCalibration, _TemperatureScaling
from sklearn.ensemble import (BaggingClassifier, BaggingRegressor, StackingClassifier, StackingRegressor, VotingClassifier,
                              VotingRegressor)
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(52)
ROWS = 60

# The fold of each row, as five folds deal the rows out; and the rows that a share of 0.4 holds out to calibrate on.
FOLDS = dict(two='300021404312421242434430331112130000402322333122043124104114',
             three='323042120023432310402241141124102013010233443104142341200334',
             number='122002323313442342211421430140110030410323211404042304303412')
HELD = dict(two=[3, 6, 7, 8, 10, 15, 17, 18, 21, 25, 28, 29, 35, 37, 38, 39, 41, 44, 45, 47, 49, 52, 54, 56],
            number=[3, 5, 6, 7, 9, 10, 18, 20, 21, 25, 27, 28, 34, 35, 38, 40, 41, 43, 47, 51, 53, 54, 56, 58])

# Quarters above zero, which f32 holds exactly and multinomial naive Bayes takes.
X = rng.integers(0, 9, (ROWS, 4)) / 4.0
T = rng.integers(0, 9, (25, 4)) / 4.0
signal = X @ [1.2, -0.9, 0.5, 0.0]
number = np.round(signal + 0.5 * rng.normal(size=ROWS), 4)
two = (signal + 0.5 * rng.normal(size=ROWS) > 0.9).astype(int)
three = np.digitize(signal + rng.normal(size=ROWS), [0.2, 1.5])
weights = rng.integers(1, 9, ROWS) / 4.0
Y = dict(two=two, three=three, number=number)


def folds(name):
    fold = np.array([int(c) for c in FOLDS[name]])
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]


def logistic(C=1.0):
    theirs = LogisticRegression(C=C, solver='newton-cholesky', tol=1e-12, max_iter=1000)
    return dict(type='logistic_regression', params=dict(c=C, tol=1e-10, max_iter=10000)), theirs


def ridge(alpha=1.0):
    return dict(type='ridge', params=dict(alpha=alpha)), Ridge(alpha=alpha)


GAUSSIAN = dict(type='gaussian_nb', params={}), GaussianNB()
MULTINOMIAL = dict(type='multinomial_nb', params={}), MultinomialNB()
LINEAR = dict(type='linear_regression', params={}), LinearRegression()
cases = []


def named(members):
    return [(str(i), m[1]) for i, m in enumerate(members)]


def case(learner, data, params, model, weighted, expect=None):
    model.fit(X, Y[data], sample_weight=weights if weighted else None)
    if expect is None:
        found = model.predict(T)[:, None] if data == 'number' else model.predict_proba(T)
    else:
        found = expect(model)
    cases.append(dict(learner=learner, data=data, params=params, weighted=weighted, expect=np.asarray(found).tolist()))


def shares(members, w):
    """The share of the votes of each class, by what the members of a hard vote answer."""
    def of(model):
        votes, k = model.transform(T), len(model.classes_)
        mass = np.ones(members) if w is None else np.array(w)
        found = np.stack([(votes == c) @ mass for c in range(k)], 1) / mass.sum()
        assert (found.argmax(1) == model.predict(T)).all()
        return found
    return of


voters = [logistic(), GAUSSIAN, MULTINOMIAL]
for data in ('two', 'three'):
    for w, weighted in ((None, False), ([2.0, 1.0, 0.5], True)):
        for voting in ('soft', 'hard'):
            case('voting', data, dict(members=[m[0] for m in voters], voting=voting, weights=w),
                 VotingClassifier(named(voters), voting=voting, weights=w), weighted,
                 shares(3, w) if voting == 'hard' else None)
for w, weighted in ((None, False), ([1.0, 3.0], True)):
    case('voting', 'number', dict(members=[ridge()[0], LINEAR[0]], weights=w),
         VotingRegressor(named([ridge(), LINEAR]), weights=w), weighted)

for data in ('two', 'three'):
    for through, weighted in ((False, False), (True, False), (False, True)):
        members, last = [logistic(), GAUSSIAN, MULTINOMIAL], logistic(0.5)
        case('stacking', data, dict(members=[m[0] for m in members], final_estimator=last[0], cv=5, passthrough=through),
             StackingClassifier(named(members), last[1], cv=folds(data), passthrough=through,
                                stack_method='predict_proba'), weighted)
for through, weighted in ((False, False), (True, True)):
    members, last = [ridge(10.0), LINEAR], ridge(0.5)
    case('stacking', 'number', dict(members=[m[0] for m in members], final_estimator=last[0], cv=5, passthrough=through),
         StackingRegressor(named(members), last[1], cv=folds('number'), passthrough=through), weighted)
# With as many folds as rows it does not matter how they are drawn.
members, last = [ridge(10.0), LINEAR], ridge(0.5)
alone = [(np.delete(np.arange(ROWS), i), np.array([i])) for i in range(ROWS)]
case('stacking', 'number', dict(members=[m[0] for m in members], final_estimator=last[0], cv=ROWS),
     StackingRegressor(named(members), last[1], cv=alone), False)

# scikit-learn calibrates decision values where there are some, and probabilities otherwise; here it is the logits of
# probabilities for lines, their logarithms for a temperature, and they themselves for isotonic functions. The decision value
# of a logistic regression of two classes is its logit, and naive Bayes has probabilities alone: there both do the same. (A line
# that falls is refused here and kept there; none of these does.)
for data, member, method in (('two', logistic(), 'sigmoid'), ('two', logistic(), 'temperature'),
                             ('three', MULTINOMIAL, 'temperature'), ('two', MULTINOMIAL, 'isotonic'),
                             ('three', GAUSSIAN, 'isotonic')):
    for ensemble, weighted in ((True, False), (False, True)):
        case('calibrated', data, dict(estimator=member[0], method=method, cv=5, ensemble=ensemble),
             CalibratedClassifierCV(member[1], method=method, cv=folds(data), ensemble=ensemble), weighted)

# Without a draw all models of a bag are the member; weights would be drawn by in scikit-learn.
for data in ('two', 'three'):
    case('bagging', data, dict(estimator=logistic()[0], n_estimators=3, bootstrap=False),
         BaggingClassifier(logistic()[1], n_estimators=3, bootstrap=False), False)
case('bagging', 'number', dict(estimator=ridge()[0], n_estimators=3, bootstrap=False),
     BaggingRegressor(ridge()[1], n_estimators=3, bootstrap=False), False)


# Calibrators alone, on given probabilities.
def logit(p):
    return np.log(p / (1 - p))


calibrators = []
for k in (2, 3):
    p = np.round(rng.dirichlet(np.ones(k), 80) * 0.98 + 0.02 / k, 5)
    p[:, 0] = 1 - p[:, 1:].sum(1)
    y = np.array([rng.choice(k, p=q ** 0.7 / (q ** 0.7).sum()) for q in p])
    w = rng.integers(1, 9, 80) / 4.0
    at = np.round(rng.dirichlet(np.ones(k), 20) * 0.98 + 0.02 / k, 5)
    at[:, 0] = 1 - at[:, 1:].sum(1)
    columns = [1] if k == 2 else range(k)
    for method in ('sigmoid', 'isotonic', 'temperature'):
        for sample in (None, w):
            if method == 'temperature':
                found = _TemperatureScaling().fit(p, y, sample).predict(at)
            else:
                see = logit if method == 'sigmoid' else lambda p: p
                new = (lambda: _SigmoidCalibration()) if method == 'sigmoid' else (lambda: IsotonicRegression(out_of_bounds='clip'))
                found = np.stack([new().fit(see(p[:, c]), (y == c).astype(int), sample).predict(see(at[:, c])) for c in columns], 1)
                if k == 2:
                    found = np.hstack([1 - found, found])
                else:
                    total = found.sum(1, keepdims=True)
                    found = np.where(total > 0, found / np.where(total > 0, total, 1), 1 / k)
            calibrators.append(dict(method=method, p=p.tolist(), y=y.tolist(), at=at.tolist(),
                                    weights=None if sample is None else sample.tolist(), expect=found.tolist()))


# Conformal quantiles and sets by their definition, in whole numbers and fractions.
def quantile(scores, alpha, w=None):
    """The ⌈(n + 1)(1 − α)⌉-th smallest score; with weights the first at which their sum is (1 − α)(W + W/n). None when beyond all."""
    scores, n = np.asarray(scores), len(scores)
    share = 1 - Fraction(str(alpha))
    order = np.argsort(scores, kind='stable')
    if w is None:
        k = math.ceil((n + 1) * share)
        return float(scores[order[k - 1]]) if k <= n else None
    exact = [Fraction(float(v)) for v in w]
    wanted, total = share * (sum(exact) + sum(exact) / n), Fraction(0)
    for i in order:
        total += exact[i]
        if total >= wanted:
            return float(scores[i])
    return None


quantiles = []
for n in (5, 9, 19, 37, 99):
    for alpha in (0.01, 0.05, 0.1, 0.2, 0.35):
        s, w = np.round(rng.random(n), 4), rng.integers(1, 9, n) / 4.0
        quantiles.append(dict(scores=s.tolist(), alpha=alpha, weights=None, expect=quantile(s, alpha)))
        if alpha >= 0.1:
            quantiles.append(dict(scores=s.tolist(), alpha=alpha, weights=w.tolist(), expect=quantile(s, alpha, w)))


def strangeness(p, c, score):
    return 1 - p[c] if score == 'lac' else p[c] + p[p > p[c]].sum()


def sets_of(p, y, at, alpha, score, per_class):
    s = np.array([strangeness(q, c, score) for q, c in zip(p, y)])
    limits = [quantile(s[y == c] if per_class else s, alpha) for c in range(p.shape[1])]
    return [[c for c in range(len(q)) if limits[c] is None or strangeness(q, c, score) <= limits[c]] for q in at]


p, at = rng.dirichlet(np.ones(3), 90), rng.dirichlet(np.ones(3), 30)
y = np.array([rng.choice(3, p=q) for q in p])
sets = [dict(alpha=alpha, score=score, per_class=per_class, expect=sets_of(p, y, at, alpha, score, per_class))
        for alpha in (0.02, 0.1, 0.3) for score in ('lac', 'aps') for per_class in (True, False)]
conformal = dict(p=p.tolist(), y=y.tolist(), at=at.tolist(), sets=sets)


def split(name):
    held = np.array(HELD[name], int)
    return np.delete(np.arange(ROWS), held), held


train, held = split('number')
model = Ridge(alpha=1.0).fit(X[train], number[train])
half = quantile(np.abs(number[held] - model.predict(X[held])), 0.2)
value = model.predict(T)
intervals = np.stack([value, value - half, value + half], 1).tolist()
train, held = split('two')
model = logistic()[1].fit(X[train], two[train])
found = [dict(score='lac', per_class=per_class, expect=sets_of(model.predict_proba(X[held]), two[held], model.predict_proba(T), 0.2, 'lac', per_class))
         for per_class in (True, False)]
whole = dict(alpha=0.2, share=0.4, held=HELD, intervals=intervals, sets=found)

# Bags of trees, on the rows of the forests' fixture.
trees = json.loads((HERE.parent / 'trees' / 'trees.json').read_text())['data']
bags = []
for name, classes in (('forest_classes', 3), ('forest_numbers', 0)):
    d = {k: np.array(v, float) for k, v in trees[name].items() if k in ('x', 'y', 'test', 'truth')}
    for params in (dict(max_features=1.0, max_samples=1.0), dict(max_features=0.6, max_samples=0.5)):
        scores = []
        for seed in range(8):
            Bag, Tree = (BaggingClassifier, DecisionTreeClassifier) if classes else (BaggingRegressor, DecisionTreeRegressor)
            m = Bag(Tree(), n_estimators=40, oob_score=True, random_state=seed, **params).fit(d['x'], d['y'])
            if classes:
                q = m.predict_proba(d['test'])
                scores.append([accuracy_score(d['truth'], m.predict(d['test'])),
                               ((q - np.eye(classes)[d['truth'].astype(int)]) ** 2).sum(1).mean(), m.oob_score_])
            else:
                v = m.predict(d['test'])
                scores.append([r2_score(d['truth'], v), np.std(v), m.oob_score_])
        bags.append(dict(data=name, params=params | dict(n_estimators=40, oob_score=True),
                         mean=np.mean(scores, 0).tolist(), std=np.std(scores, 0).tolist()))

versions = dict(sklearn=sklearn.__version__, numpy=np.__version__, scipy=scipy.__version__)
data = dict(x=X.tolist(), test=T.tolist(), two=two.tolist(), three=three.tolist(), number=number.tolist(), weights=weights.tolist())
text = json.dumps(dict(versions=versions, data=data, folds=FOLDS, cases=cases, calibrators=calibrators, quantiles=quantiles,
                       conformal=conformal, whole=whole, bags=bags), separators=(',', ':'))
(HERE / 'ensembles.json').write_text(text + '\n')
print(len(text), 'bytes;', len(cases), 'cases')
