"""Writes crates/prompt-features/src/text/word_table.rs: which code points are word characters to Python's `re`.

usage: python make_tables.py        (run with the Python whose `\\w` is to be matched; its version is written down)
"""
import pathlib
import sys
import unicodedata

OUT = pathlib.Path(__file__).resolve().parents[3] / "crates/prompt-features/src/text/word_table.rs"


def rows(values, per_line):
    return "\n".join("    " + ", ".join(values[i:i + per_line]) + "," for i in range(0, len(values), per_line))


def main():
    leaves, pages = {}, []
    for page in range(0x110000 >> 8):
        words = []
        for w in range(4):
            base = (page << 8) | (w << 6)
            words.append(sum(1 << b for b in range(64) if chr(base + b).isalnum() or base + b == 0x5F))
        pages.append(leaves.setdefault(tuple(words), len(leaves)))
    assert len(leaves) <= 256
    flat = [f"[{', '.join(f'{w:#x}' for w in leaf)}]" for leaf in leaves]
    OUT.write_text(f"""//! Made by `tests/reference/features/make_tables.py`; do not edit.
//!
//! `str.isalnum()` or underscore, of every code point, as CPython {sys.version.split()[0]} (Unicode {unicodedata.unidata_version}) has it.

/// Of each run of 256 code points, which leaf it has.
#[rustfmt::skip]
pub(super) static PAGES: [u8; {len(pages)}] = [
{rows([str(p) for p in pages], 36)}
];

/// One bit a code point, 256 to a leaf.
#[rustfmt::skip]
pub(super) static LEAVES: [[u64; 4]; {len(leaves)}] = [
{rows(flat, 1)}
];
""")
    print(len(leaves), "leaves")


main()
