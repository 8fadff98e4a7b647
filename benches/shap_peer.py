"""The Python package shap on trees that were grown elsewhere. usage: shap_peer.py DIR

DIR holds trees.json (a list of trees as shap takes them), x.f64 and shape.json; the values are written to values.f64,
row by row.
"""
import os, sys
for v in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'): os.environ[v] = '2'
import json, time
import numpy as np, shap
D = sys.argv[1]
rows, columns = json.load(open(f'{D}/shape.json'))
x = np.fromfile(f'{D}/x.f64').reshape(rows, columns)
def tree(t):
    ints = lambda name: np.array(t[name], dtype=np.int32)
    return dict(children_left=ints('left'), children_right=ints('right'), children_default=ints('left'), features=ints('column'),
                thresholds=np.array(t['threshold']), values=np.array(t['value']).reshape(-1, 1), node_sample_weight=np.array(t['cover']))
model = dict(trees=[tree(t) for t in json.load(open(f'{D}/trees.json'))], base_offset=0.0, input_dtype=np.float64, internal_dtype=np.float64,
             tree_output='raw_value', objective='squared_error')
explainer = shap.TreeExplainer(model, feature_perturbation='tree_path_dependent')
t = time.perf_counter(); values = explainer.shap_values(x, check_additivity=False); s = time.perf_counter() - t
np.ascontiguousarray(np.asarray(values, dtype=np.float64).reshape(rows, columns)).tofile(f'{D}/values.f64')
print(json.dumps(dict(job='shap', name=f'shap {shap.__version__}', rows=rows, seconds=round(s, 4))))
