"""Writes the fixtures of prompt-features' vectorisers: scikit-learn's numbers and CPython's characters.

usage: python make.py        (needs scikit-learn; versions are written into the files)
"""
import json
import pathlib
import sys
import unicodedata
import warnings

import sklearn
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer, strip_accents_unicode

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
VERSIONS = {"scikit_learn": sklearn.__version__, "python": sys.version.split()[0], "unicode": unicodedata.unidata_version}

# Sentences made up for this purpose.
TEXTS = [
    "Plan a trip to the lake, then write a short packing list for the trip.",
    "Sort the numbers 3, 14 and 159 in C++; explain each step of the sort!",
    "THE PLAN: plan, Plan, pLaN & re-plan (v2_final) by 2031-05-04",
    "snake_case_name __init__ x1 1x _ __ a_b 007",
    "Straße, STRASSE und Maß: große Füße größer als groß",
    "ΟΔΥΣΣΕΑΣ ΣΟΦΟΣ ΟΔΟΣ. ΑΣ' ΤΑ ΛΟΓΙΑ Σ ΣΑΣ",
    "İstanbul'da ILIK bir IŞIK, ısı ve İĞNE",
    "Crème brûlée, cafe\u0301 cre\u0300me, nai\u0308ve façade Ångström \ufb01ne \u00bd",
    "Составь план поездки к озеру и список вещей, ёлка Ёж",
    "请写一个关于湖边旅行的计划 然后 列出 清单。计划很短！",
    "湖畔の旅行プランを作って、 リストも 書いて ﾊﾝｶｸ",
    "اكتب خطة قصيرة لرحلة إلى البحيرة، ثُمَّ قائمة ١٢٣",
    "झील की यात्रा की योजना लिखो और सूची बनाओ",
    "한국어 문장도 하나 씁니다 호수 여행",
    "🙂🙃 👩\u200d💻 writes 🚀🚀 code 🇩🇪 ok❤️ok",
    "tabs\tand\n\nnewlines \u00a0 nbsp\u3000wide  two   three\x1cfs\x85nel",
    "",
    "   \t\n ",
    "a b c d e f I",
    "a",
    "ab",
    "the trip to the lake and the plan for the trip to the lake",
    "zero\u200bwidth soft\u00adhyphen e\u0301\u0323te o\u0308o\u0308 \u0301start Ⅷ ² ③ ª",
    "ＦＵＬＬＷＩＤＴＨ ｔｅｘｔ １２３ ㌔ ﷺ K Å ǆ ǅ",
    "well-known don't won't rock'n'roll e.g. i.e. http://example.org/a?b=c&d=1",
    "plan plan plan plan lake lake trip",
]
QUERIES = [
    "A plan for the lake: the lake trip, then unknown words and the trip to the lake.",
    "Crème BRÛLÉE cafe\u0301 straße ΟΔΟΣ ΣΑΣ istanbul İSTANBUL 计划 план",
    "",
    "🙂 🚀",
]

CASES = [
    ("count", {}),
    ("count", {"ngram_range": (1, 3)}),
    ("count", {"ngram_range": (2, 2), "lowercase": False}),
    ("count", {"binary": True, "strip_accents": "unicode"}),
    ("count", {"strip_accents": "ascii", "ngram_range": (1, 2)}),
    ("count", {"stop_words": "english", "ngram_range": (1, 2)}),
    ("count", {"stop_words": ["the", "plan", "und"], "ngram_range": (2, 3), "min_df": 1}),
    ("count", {"analyzer": "char", "ngram_range": (1, 3), "min_df": 2}),
    ("count", {"analyzer": "char_wb", "ngram_range": (1, 4), "min_df": 2}),
    ("count", {"analyzer": "char_wb", "ngram_range": (4, 6), "min_df": 2, "lowercase": False}),
    ("count", {"vocabulary": ["trip", "lake trip", "zebra", "the lake", "plan"], "ngram_range": (1, 2)}),
    ("count", {"min_df": 2, "max_df": 3, "ngram_range": (1, 2)}),
    ("tfidf", {}),
    ("tfidf", {"ngram_range": (1, 2), "sublinear_tf": True}),
    ("tfidf", {"ngram_range": (1, 2), "strip_accents": "unicode", "min_df": 2}),
    ("tfidf", {"norm": "l1", "smooth_idf": False}),
    ("tfidf", {"norm": None, "use_idf": False, "sublinear_tf": True, "max_df": 0.15}),
    ("tfidf", {"binary": True, "ngram_range": (1, 2), "stop_words": "english"}),
    ("tfidf", {"token_pattern": r"(?u)\b\w+\b", "ngram_range": (1, 2), "min_df": 2}),
    ("tfidf", {"analyzer": "char_wb", "ngram_range": (3, 5), "min_df": 2}),
    ("tfidf", {"analyzer": "char_wb", "ngram_range": (2, 2), "strip_accents": "unicode", "sublinear_tf": True}),
    ("tfidf", {"analyzer": "char", "ngram_range": (2, 4), "min_df": 2, "strip_accents": "ascii"}),
    ("tfidf", {"analyzer": "char", "ngram_range": (5, 5), "min_df": 2, "norm": "l1"}),
    ("hashing", {"n_features": 1024}),
    ("hashing", {"n_features": 1 << 18, "ngram_range": (1, 2), "alternate_sign": False}),
    ("hashing", {"n_features": 64, "ngram_range": (1, 3), "norm": None, "strip_accents": "unicode"}),
    ("hashing", {"n_features": 128, "token_pattern": r"(?u)\b\w+\b", "stop_words": "english"}),
    ("hashing", {"n_features": 257, "analyzer": "char_wb", "ngram_range": (2, 4), "norm": "l1"}),
    ("hashing", {"n_features": 97, "analyzer": "char", "ngram_range": (1, 2), "binary": True}),
    ("hashing", {"n_features": 512, "stop_words": "english", "lowercase": False, "alternate_sign": False}),
]
MAKE = {"count": CountVectorizer, "tfidf": TfidfVectorizer, "hashing": HashingVectorizer}


def rows(matrix):
    """Each row as [column, value, column, value, ...], columns rising, zeros left out."""
    matrix = matrix.tocsr().astype(float)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    out = []
    for i in range(matrix.shape[0]):
        part = slice(matrix.indptr[i], matrix.indptr[i + 1])
        out.append([x for j, v in zip(matrix.indices[part], matrix.data[part]) for x in (int(j), round(float(v), 9))])
    return out


def fnv(data, h=0xCBF29CE484222325):
    for b in data:
        h = (h ^ b) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def case(kind, params):
    model = MAKE[kind](**params)
    x = model.fit_transform(TEXTS)
    ours = {k: ("none" if v is None else v) for k, v in params.items()}
    out = {"kind": kind, "params": ours, "rows": rows(x), "queries": rows(model.transform(QUERIES)), "cols": x.shape[1]}
    if kind != "hashing":
        terms = list(model.get_feature_names_out())
        out["terms_fnv"] = f"{fnv(chr(10).join(terms).encode()):016x}"
        if len(terms) <= 400:
            out["terms"] = terms
    return out


def characters():
    """Digests over all assigned code points (a later Unicode may assign others)."""
    unassigned, classes, lower, stripped = [], 0xCBF29CE484222325, 0xCBF29CE484222325, 0xCBF29CE484222325
    for cp in range(0x110000):
        c = chr(cp)
        if unicodedata.category(c) == "Cn":
            if unassigned and unassigned[-1][1] == cp - 1:
                unassigned[-1][1] = cp
            else:
                unassigned.append([cp, cp])
        if 0xD800 <= cp < 0xE000:
            continue
        classes = fnv([(c.isalnum() or c == "_") | c.isspace() << 1], classes)
        if unicodedata.category(c) != "Cn":
            lower = fnv(c.lower().encode(), lower)
            stripped = fnv(strip_accents_unicode(c.lower()).encode(), stripped)
    return {"versions": VERSIONS, "unassigned": unassigned, "classes": f"{classes:016x}", "lower": f"{lower:016x}",
            "stripped": f"{stripped:016x}"}


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")
    print(name, len(text.encode()))


cases = [case(kind, params) for kind, params in CASES]
for kind in MAKE:
    write(f"{kind}.json", {"versions": VERSIONS, "texts": TEXTS, "queries": QUERIES, "cases": [c for c in cases if c["kind"] == kind]})
write("characters.json", characters())
