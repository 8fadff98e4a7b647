"""What LightGBM's training takes above the loaded matrix. usage: boost_memory.py DIR"""
import json
import sys

import lightgbm as lgb
import numpy as np


def status(name):
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(name))


table = np.load(f'{sys.argv[1]}/clf.npy')[:100000].astype(np.float64)
x, y = np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1])
del table
# A first small fit loads the library's code and starts its threads.
params = dict(objective='binary', num_leaves=31, learning_rate=0.1, num_threads=2, verbose=-1)
lgb.train(params, lgb.Dataset(x[:2000], y[:2000]), 2)
with open('/proc/self/clear_refs', 'w') as f:
    f.write('5')
before = status('VmRSS')
lgb.train(params, lgb.Dataset(x, y), 100)
print(json.dumps(dict(name='lightgbm', mib=round(status('VmHWM') - before, 1))))
