"""How far the synthetic security prompts can be told apart, by plain scikit-learn models.

    cargo run --release -p prompt-data --example synth_dump > synth.jsonl
    python synth_separability.py synth.jsonl [other.jsonl ...]

Prints macro-F1 of a keyword list, of word TF-IDF + logistic regression and of word + character TF-IDF + linear SVM:
stratified 5-fold, and grouped 5-fold by template family (no family on both sides). Further files are scored by the
models fitted on the whole first file. Last run with scikit-learn 1.9.1.
"""
import collections
import json
import re
import sys

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, f1_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

ATTACK = re.compile(
    r"\b(ignore|disregard|forget|override|overrule|system prompt|instructions|jailbreak|no rules|without rules|hack|malware|"
    r"bomb|weapon|explosives|drugs|steal|stolen|forge|launder|ransom|blackmail|poison|smuggle|password)\b", re.I)
GREY = re.compile(r"\b(pretend|you are a|role-?play|imagine|character|novel|hypothetical|used to|once|someone|attacker|test)\b", re.I)


def keywords(texts):
    hits = ((len(ATTACK.findall(t)), len(GREY.findall(t))) for t in texts)
    return ["malicious" if a > g else "suspicious" if g else "benign" for a, g in hits]


def read(path):
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    return [r["text"] for r in rows], np.array([r["label"] for r in rows]), np.array([r["source"] for r in rows])


def models():
    yield "word TF-IDF + logistic", make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=5, max_iter=500))
    yield "word+char TF-IDF + SVM", make_pipeline(
        make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
                   TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)), LinearSVC(C=0.5))


texts, labels, sources = read(sys.argv[1])
words = np.array([len(t.split()) for t in texts])
print(f"scikit-learn {sklearn.__version__}; {len(texts)} rows {dict(collections.Counter(labels))}, {len(set(sources))} families")
print(f"words: min {words.min()} median {np.median(words):.0f} p95 {np.percentile(words, 95):.0f} max {words.max()};"
      f" non-ASCII {np.mean([not t.isascii() for t in texts]):.3f}")
print(f"keywords: macro-F1 {f1_score(labels, keywords(texts), average='macro'):.3f}")
for name, model in models():
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    said = cross_val_predict(model, texts, labels, cv=folds)
    groups = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    grouped = cross_val_predict(model, texts, labels, cv=groups, groups=sources)
    print(f"{name}: macro-F1 {f1_score(labels, said, average='macro'):.3f} stratified,"
          f" {f1_score(labels, grouped, average='macro'):.3f} by family")
    if "-v" in sys.argv:
        print(classification_report(labels, said, digits=3))
        for s in sorted(set(sources)):
            at = sources == s
            print(f"  {s:28} n {at.sum():5} acc {np.mean(said[at] == labels[at]):.3f}")
    model.fit(texts, labels)
    for path in [p for p in sys.argv[2:] if p != "-v"]:
        other, truth, _ = read(path)
        print(f"  {path}: macro-F1 {f1_score(truth, model.predict(other), average='macro'):.3f},"
              f" keywords {f1_score(truth, keywords(other), average='macro'):.3f}")
