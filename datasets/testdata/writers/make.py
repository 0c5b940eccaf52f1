"""Writes the same rows with pyarrow and DuckDB in the forms that other writers use.

Run in this folder: python3 make.py   (made with pyarrow 26.0.1 and duckdb 2.0.0)
"""

import datetime
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

UTC = datetime.timezone.utc


def rows():
    out = []
    for i in range(12):
        frames = [
            {
                "function": None if k % 5 == 4 else f"fn{k % 3}",
                "module": f"pkg/mod{k % 2}" if i % 2 else None,
                "filename": f"größe{k}.js",
                "abs_path": f"https://app.example/größe{k}.js",
                "lineno": 10 * k + i,
                "colno": None if k % 2 else k,
                "in_app": [None, True, False][k % 3],
                "context_line": None if k else "return x.y",
            }
            for k in range(i % 4 * 3)
        ]
        exceptions = [
            {
                "type": "TypeError" if j else None,
                "value": f"cannot read {i}.{j}",
                "mechanism_type": ["onerror", None][j % 2],
                "handled": [False, True, None][(i + j) % 3],
                "frames": frames[j:] if j != 2 else [],
            }
            for j in range(i % 4)
        ]
        out.append(
            {
                "event_id": f"e{i}",
                "org_id": "org",
                "project_id": f"org/p{i % 2}",
                "timestamp": datetime.datetime(2026, 3, 1, 12, 0, i, 250000, tzinfo=UTC),
                "platform": ["javascript", "python"][i % 2],
                "release": None if i % 3 else f"1.{i}",
                "environment": "production",
                "runtime_name": None,
                "runtime_version": "",
                "message": None if i % 4 else f"message {i}",
                "exceptions": exceptions,
                "consent_purposes": ["train_fingerprinting", "evaluate_fingerprinting"],
                "consent_policy_version": "2026-02",
            }
        )
    return out


frame = pa.struct(
    [("function", pa.string()), ("module", pa.string()), ("filename", pa.string()), ("abs_path", pa.string()),
     ("lineno", pa.int32()), ("colno", pa.int32()), ("in_app", pa.bool_()), ("context_line", pa.string())])
exception = pa.struct(
    [("type", pa.string()), ("value", pa.string()), ("mechanism_type", pa.string()), ("handled", pa.bool_()),
     ("frames", pa.list_(frame))])


def table(unit="ms"):
    schema = pa.schema(
        [("event_id", pa.string()), ("org_id", pa.string()), ("project_id", pa.string()),
         ("timestamp", pa.timestamp(unit, tz="UTC")), ("platform", pa.string()), ("release", pa.string()),
         ("environment", pa.string()), ("runtime_name", pa.string()), ("runtime_version", pa.string()),
         ("message", pa.string()), ("exceptions", pa.list_(exception)), ("consent_purposes", pa.list_(pa.string())),
         ("consent_policy_version", pa.string())])
    return pa.Table.from_pylist(rows(), schema=schema)


DELTA = {"event_id": "DELTA_BYTE_ARRAY", "org_id": "DELTA_LENGTH_BYTE_ARRAY", "timestamp": "DELTA_BINARY_PACKED",
         "exceptions.list.element.frames.list.element.abs_path": "DELTA_BYTE_ARRAY",
         "exceptions.list.element.frames.list.element.lineno": "DELTA_BINARY_PACKED"}

pq.write_table(table(), "pyarrow-snappy-v1.parquet", compression="snappy")
pq.write_table(table(), "pyarrow-zstd-v2.parquet", compression="zstd", data_page_version="2.0", row_group_size=5)
pq.write_table(table("us"), "pyarrow-gzip-micros.parquet", compression="gzip", write_page_checksum=True)
pq.write_table(table("ns"), "pyarrow-nanos.parquet", compression="none", version="2.6")
pq.write_table(table(), "pyarrow-item.parquet", compression="none", use_compliant_nested_type=False)
pq.write_table(table(), "pyarrow-plain-tiny-pages.parquet", compression="none", use_dictionary=False, data_page_size=16, write_batch_size=1)
pq.write_table(table(), "pyarrow-delta.parquet", compression="none", use_dictionary=False, column_encoding=DELTA, data_page_version="2.0")

for codec in ["snappy", "zstd"]:
    duckdb.sql(f"COPY (FROM 'pyarrow-snappy-v1.parquet') TO 'duckdb-{codec}.parquet' (FORMAT parquet, CODEC {codec}, PARQUET_VERSION {'V2' if codec == 'zstd' else 'V1'})")

with open("rows.json", "w") as f:
    json.dump(rows(), f, indent=1, default=lambda t: t.isoformat(), ensure_ascii=False)
    f.write("\n")
