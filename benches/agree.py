"""Compares our sparse matrix with scikit-learn's on the same texts. usage: agree.py DIR JOB DUMP

DIR holds docs.txt; JOB is tfidf, tfidf_char or hashing with the parameters of peers/classical.py. DUMP holds our
matrix of all documents, fitted on the first 24,000, as little-endian arrays: indptr.u64, indices.u32, data.f32, and
our terms in column order: terms.json (not for hashing).

Where `max_features` cuts through equally frequent terms either side keeps some of them. So the terms are compared
first (those that differ must all be as frequent as the cut, in the same order otherwise), then scikit-learn's matrix
over our terms is compared number by number. scikit-learn's own terms are written to DUMP/peer_terms.json, so that
learners on both sides can be given the same columns. Prints one JSON object.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

TRAIN = 24000
WORD = dict(ngram_range=(1, 2))
CHAR = dict(analyzer="char_wb", ngram_range=(3, 5))
PARAMETERS = {"tfidf": WORD, "tfidf_char": CHAR}


def read_ours(dump, columns):
    indptr = np.fromfile(dump / "indptr.u64", dtype="<u8").astype(np.int64)
    indices = np.fromfile(dump / "indices.u32", dtype="<u4").astype(np.int64)
    data = np.fromfile(dump / "data.f32", dtype="<f4").astype(np.float64)
    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))


def compare_terms(ours, theirs, parameters, train):
    """How many terms only we have, and whether that is a tie at the cut and nothing else."""
    only_ours, only_theirs = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    common = set(ours) & set(theirs)
    same_order = [t for t in ours if t in common] == [t for t in theirs if t in common]
    tied = True
    if only_ours or only_theirs:
        terms = sorted(common) + only_ours + only_theirs
        counter = CountVectorizer(vocabulary=terms, **parameters)
        total = np.asarray(counter.transform(train).sum(axis=0)).ravel()
        cut = total[: len(common)].min()
        tied = bool((total[len(common) :] == total[len(common)]).all() and total[len(common)] <= cut)
    return dict(columns_only_ours=len(only_ours), columns_only_theirs=len(only_theirs), same_order=same_order, tied=tied)


def main():
    folder, job, dump = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    docs = (folder / "docs.txt").read_text(encoding="utf-8").splitlines()
    train, rest = docs[:TRAIN], docs[TRAIN:]
    if job == "hashing":
        columns = 2**18
        theirs = HashingVectorizer(n_features=columns, alternate_sign=False, **WORD).transform(docs)
        facts = dict(columns_only_ours=0, columns_only_theirs=0, same_order=True, tied=True)
    else:
        parameters = PARAMETERS[job]
        ours = json.loads((dump / "terms.json").read_text(encoding="utf-8"))
        columns = len(ours)
        peer = TfidfVectorizer(max_features=10000, **parameters).fit(train)
        names = peer.get_feature_names_out().tolist()
        (dump / "peer_terms.json").write_text(json.dumps(names), encoding="utf-8")
        facts = compare_terms(ours, names, parameters, train)
        over_ours = TfidfVectorizer(vocabulary=ours, **parameters)
        theirs = vstack([over_ours.fit_transform(train), over_ours.transform(rest)]).tocsr()
    ours = read_ours(dump, columns)
    theirs.sort_indices()
    same_places = bool(np.array_equal(ours.indptr, theirs.indptr) and np.array_equal(ours.indices, theirs.indices))
    difference = float(abs(ours - theirs).max())
    print(json.dumps(dict(job=job, max_difference=difference, same_places=same_places, **facts)))


if __name__ == "__main__":
    main()
