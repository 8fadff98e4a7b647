"""ONNX Runtime and PyTorch on DeBERTa-v3-base's size with random weights, 2 threads. usage: deberta_peer.py DIR

DIR/deberta holds config.json and model.safetensors afterwards, for the other side; a line of JSON for each job is printed.
"""
import os, sys
for v in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'): os.environ[v] = '2'
os.environ['HF_HUB_OFFLINE'] = '1'
import json, time, warnings
import numpy as np, torch, onnxruntime as ort
from transformers import DebertaV2Config, DebertaV2Model
warnings.filterwarnings('ignore'); torch.set_num_threads(2); torch.manual_seed(0); D = sys.argv[1]; os.makedirs(D, exist_ok=True)
def med(f, n):
    f(); ts = []
    for _ in range(n): t = time.perf_counter(); f(); ts.append(time.perf_counter() - t)
    return round(float(np.median(ts)) * 1e3, 2)
folder = f'{D}/deberta'
if not os.path.exists(folder):
    # microsoft/deberta-v3-base's config, with a smaller vocabulary: looking up words is no part of what is compared.
    DebertaV2Model(DebertaV2Config(vocab_size=30522, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        intermediate_size=3072, max_position_embeddings=512, type_vocab_size=0, relative_attention=True, position_buckets=256,
        max_relative_positions=-1, norm_rel_ebd='layer_norm', share_att_key=True, pos_att_type=['p2c', 'c2p'],
        position_biased_input=False, layer_norm_eps=1e-7, pad_token_id=0)).eval().save_pretrained(folder)
m = DebertaV2Model.from_pretrained(folder).eval()
class W(torch.nn.Module):
    def __init__(s): super().__init__(); s.m = m
    def forward(s, i, a): return s.m(input_ids=i, attention_mask=a).last_hidden_state
w = W().eval()   # an export leaves a module in the mode it was in
so = ort.SessionOptions(); so.intra_op_num_threads = 2; so.inter_op_num_threads = 1
for b, s, n in ((1, 32, 15), (1, 128, 10)):
    # An export for each shape: traced, the buckets of relative positions become constants.
    x = torch.randint(1, 30000, (b, s)); a = torch.ones_like(x); model = f'{D}/deberta-{b}x{s}.onnx'
    if not os.path.exists(model): torch.onnx.export(w, (x, a), model, input_names=['i', 'a'], output_names=['y'], opset_version=17, dynamo=False)
    se = ort.InferenceSession(model, so, providers=['CPUExecutionProvider']); feed = {'i': x.numpy(), 'a': a.numpy()}
    with torch.inference_mode():
        far = float((w(x, a) - torch.from_numpy(se.run(None, feed)[0])).abs().max())
        print(json.dumps({'job': f'deberta {b}x{s}', 'engine': 'torch', 'ms': med(lambda: m(input_ids=x, attention_mask=a), n)}), flush=True)
    print(json.dumps({'job': f'deberta {b}x{s}', 'engine': 'ort', 'ms': med(lambda: se.run(None, feed), n), 'far_from_torch': far}), flush=True)
