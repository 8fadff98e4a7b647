"""Writes prompts.parquet, a small file with the column types that other programs use.

    pip install pyarrow==26.0.1 && python make.py
"""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

rows = pa.table(
    {
        "text": pa.array(["plain", "naïve 👍🏽", None, "four", "five"], pa.string()).dictionary_encode(),
        "label": pa.array([0, 2, None, 1, 1], pa.int64()),
        "target": pa.array([0.1, None, None, float("nan"), 1.0], pa.float64()),
        "tags": pa.array([["a", None], [], None, ["b"], []], pa.list_(pa.string())),
        "about": pa.array([{"lang": "en", "n": 7}] + [None] * 4, pa.struct([("lang", pa.string()), ("n", pa.int32())])),
        "bytes": pa.array([b"as text", None, None, None, b"\xff\xfe"], pa.binary()),
        "price": pa.array([decimal.Decimal("12.50")] + [None] * 4, pa.decimal128(10, 2)),
        "day": pa.array([datetime.date(2024, 10, 4)] + [None] * 4, pa.date32()),
        "small": pa.array([0.1] + [None] * 4, pa.float32()),
        "wide": pa.array([2**64 - 1] + [None] * 4, pa.uint64()),
        "yes": pa.array([True] + [None] * 4, pa.bool_()),
    }
)
pq.write_table(rows, Path(__file__).parent / "prompts.parquet", compression="snappy", row_group_size=2)
print("pyarrow", pa.__version__)
