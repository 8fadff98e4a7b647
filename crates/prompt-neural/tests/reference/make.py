"""Reference values of PyTorch for prompt-neural. Run: python make.py > torch.json

The version of torch is written into the file; seed 0. Everything is small: shapes of a few numbers.
"""

import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
torch.set_num_threads(1)
out = {"torch": torch.__version__}


def numbers(t):
    return [float(v) for v in t.detach().double().flatten()]


# Losses and the gradients of the scores.
scores = torch.randn(5, 4) * 2
labels = torch.tensor([0, 3, 1, 1, 2])
class_weights = torch.tensor([1.0, 1.0, 1.5, 0.5])
row_weights = torch.tensor([1.0, 2.0, 0.5, 1.0, 0.0])


def loss_case(name, loss_of):
    z = scores.clone().requires_grad_()
    loss = loss_of(z)
    loss.backward()
    out[name] = {"loss": float(loss), "grad": numbers(z.grad)}


out["scores"] = numbers(scores)
out["labels"] = labels.tolist()
out["class_weights"] = numbers(class_weights)
out["row_weights"] = numbers(row_weights)
loss_case("cross_entropy", lambda z: F.cross_entropy(z, labels, weight=class_weights))
loss_case(
    "cross_entropy_smoothed", lambda z: F.cross_entropy(z, labels, weight=class_weights, label_smoothing=0.1)
)


def weighted(z):
    each = F.cross_entropy(z, labels, weight=class_weights, reduction="none")
    return (each * row_weights).sum() / (class_weights[labels] * row_weights).sum()


loss_case("cross_entropy_rows", weighted)


def focal(z):
    log_p = F.log_softmax(z, 1)[torch.arange(5), labels]
    return (-class_weights[labels] * (1 - log_p.exp()) ** 3.0 * log_p).mean()


loss_case("focal", focal)


def levels(z):
    above = torch.stack([(labels > k).float() for k in range(3)], 1)
    return F.binary_cross_entropy_with_logits(z[:, :3], above, reduction="none").sum(1).mean()


loss_case("ordinal", levels)
values = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0])
out["values"] = numbers(values)
loss_case("mse", lambda z: F.mse_loss(z[:, 0], values))

# Three steps of AdamW with clipping of the norm over all gradients, two groups.
w, b = torch.randn(3, 2, requires_grad=True), torch.randn(2, requires_grad=True)
out["adamw"] = {"start": [numbers(w), numbers(b)], "grads": [], "norms": [], "after": []}
optimizer = torch.optim.AdamW(
    [{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0, "lr": 0.005}], lr=0.01
)
for step in range(3):
    w.grad, b.grad = torch.randn(3, 2) * (step + 0.1), torch.randn(2) * (step + 0.1)
    out["adamw"]["grads"].append([numbers(w.grad), numbers(b.grad)])
    out["adamw"]["norms"].append(float(nn.utils.clip_grad_norm_([w, b], 1.0)))
    optimizer.step()
    out["adamw"]["after"].append([numbers(w), numbers(b)])

# Schedules: linear and cosine as transformers' LambdaLR, and ReduceLROnPlateau.
out["linear"] = [s / 3 if s < 3 else max(0.0, (10 - s) / 7) for s in range(10)]
out["cosine"] = [s / 3 if s < 3 else max(0.0, 0.5 * (1 + math.cos(math.pi * (s - 3) / 7))) for s in range(10)]
dummy = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(dummy, factor=0.5, patience=1)
losses = [1.0, 0.9, 0.95, 0.9, 0.89995, 0.8, 0.85, 0.85, 0.85, 0.85]
out["plateau"] = {"losses": losses, "rates": []}
for loss in losses:
    plateau.step(loss)
    out["plateau"]["rates"].append(dummy.param_groups[0]["lr"])

# Layers, with rows of different lengths in one batch. Gradients of the sum of squares.
lengths = torch.tensor([4, 2, 1])
x = torch.randn(3, 4, 3)
for row, n in enumerate(lengths):
    x[row, n:] = 0
out["x"], out["lengths"] = numbers(x), lengths.tolist()


def packed(lstm, x):
    p = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    return nn.utils.rnn.pad_packed_sequence(lstm(p)[0], batch_first=True)[0]


lstm = nn.LSTM(3, 2, batch_first=True, bidirectional=True)
z = x.clone().requires_grad_()
y = packed(lstm, z)
(y * y).sum().backward()
out["lstm"] = {"y": numbers(y), "grad_x": numbers(z.grad)}
for name, p in lstm.named_parameters():
    out["lstm"][name] = numbers(p)
    out["lstm"]["grad_" + name] = numbers(p.grad)

conv = nn.Conv1d(3, 2, 3)
z = x.clone().requires_grad_()
answers = conv(F.pad(z.transpose(1, 2), (0, 2)))
hidden = torch.arange(4)[None, :] >= lengths[:, None]
y = F.relu(answers.masked_fill(hidden[:, None, :], -1e9).amax(2))
(y * y).sum().backward()
own = (~hidden).float()[:, :, None]
out["conv"] = {
    "y": numbers(y),
    "weight": numbers(conv.weight),
    "bias": numbers(conv.bias),
    "grad_x": numbers(z.grad * own),
    "grad_weight": numbers(conv.weight.grad),
    "grad_bias": numbers(conv.bias.grad),
}

inner, score = nn.Linear(3, 3), nn.Linear(3, 1)
shares = score(torch.tanh(inner(x))).masked_fill(hidden[:, :, None], -1e9).softmax(1)
out["attention_pool"] = {
    "inner.weight": numbers(inner.weight),
    "inner.bias": numbers(inner.bias),
    "score.weight": numbers(score.weight),
    "score.bias": numbers(score.bias),
    "y": numbers((x * shares).sum(1)),
}

block = nn.TransformerEncoderLayer(
    4, 2, 6, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
)
with torch.no_grad():
    for p in block.parameters():
        p.add_(torch.randn_like(p) * 0.1)
z = torch.randn(3, 4, 4)
block.train()
y = block(z, src_key_padding_mask=hidden)
out["block"] = {"x": numbers(z), "y": numbers(y * own)}
for name, p in block.named_parameters():
    out["block"][name] = numbers(p)

json.dump(out, sys.stdout)
print()
