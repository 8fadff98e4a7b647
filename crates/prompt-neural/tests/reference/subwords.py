"""Byte-pair encodings of the crate tokenizers for prompt-neural. Run: python subwords.py > subwords.json

The version is written into the file. Words are found here as prompt-neural finds them, with ▁ where no other sign is glued to
their front, and handed over one by one, so that pairs, ties and splits alone are compared.
"""

import json
import random
import re

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

rng = random.Random(7)
STEMS = ["inject", "ignor", "summar", "translat", "poem", "rule", "river", "ancient", "naïv", "über", "aaaa", "banana", "x"]
ENDS = ["", "s", "ing", "ed", "ation", "able", "ly", "er", "est", "anana", "a", "aa"]
FRONTS = ["", "re", "un", "pre", "over"]
SIGNS = [" ", " ", " ", " ", ", ", ". ", "-", "'", " (", "! "]


def text(words):
    return "".join(
        rng.choice(FRONTS) + rng.choice(STEMS) + rng.choice(ENDS) + rng.choice(SIGNS) for _ in range(words)
    )


def words(text):
    def word(m):
        at = m.start()
        return m.group() if at > 0 and not text[at - 1].isspace() else "▁" + m.group()

    return [word(m) for m in re.finditer(r"\w+|[^\w\s]", text)]


texts = [text(rng.randint(1, 12)) for _ in range(60)]
asked = [text(6) for _ in range(12)] + ["injections", "aaaaaaaa banananana", "", "unrulable-overest", texts[0]]
out = {"tokenizers": tokenizers.__version__, "texts": texts, "asked": asked, "cases": []}
for most, least in [(30, 2), (60, 2), (200, 2), (200, 5), (2000, 2)]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=most, min_frequency=least, show_progress=False)
    tokenizer.train_from_iterator([" ".join(words(t)) for t in texts], trainer)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    out["cases"].append(
        {
            "max_size": most,
            "min_freq": least,
            "tokens": [token for token, _ in vocabulary],
            "merges": [m if isinstance(m, str) else " ".join(m) for m in merges],
            "encoded": [tokenizer.encode(" ".join(words(t))).ids for t in asked],
        }
    )
print(json.dumps(out, ensure_ascii=False, indent=None, separators=(",", ":")))
