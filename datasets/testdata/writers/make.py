"""Writes the same rows with pyarrow, DuckDB, polars and fastparquet in the forms that these writers have.

Run in this folder: python3 make.py
(made with pyarrow 26.0.1, duckdb 2.0.1, polars 2.1.0, fastparquet 2026.9.0 and pandas 3.1.1; make_spark.py is Spark's part)

The files in this folder are to be read as rows.json says. Those in two-level/ too, with two-level lists; make_spark.py
makes them. Those in refused/ are refused with an error that says why and what to do.
"""

import base64
import datetime
import json
import os

import duckdb
import fastparquet
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

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


def table(unit="ms", tz="UTC", text=pa.string(), list_=pa.list_, required=False, **other):
    """The rows as a table. text is the type of text and list_ that of lists; required makes all that is never null
    non-nullable; other overrides the types of columns, or drops them with None."""

    def f(name, type, never_null=True):
        return pa.field(name, type, nullable=not (required and never_null))

    def many(type):
        return list_(f("item", type))

    frame = pa.struct(
        [f("function", text, False), f("module", text, False), f("filename", text), f("abs_path", text),
         f("lineno", pa.int32()), f("colno", pa.int32(), False), f("in_app", pa.bool_(), False),
         f("context_line", text, False)])
    exception = pa.struct(
        [f("type", text, False), f("value", text), f("mechanism_type", text, False), f("handled", pa.bool_(), False),
         f("frames", many(frame))])
    types = {
        "event_id": text, "org_id": text, "project_id": text, "timestamp": pa.timestamp(unit, tz=tz), "platform": text,
        "release": text, "environment": text, "runtime_name": text, "runtime_version": text, "message": text,
        "exceptions": many(exception), "consent_purposes": many(text), "consent_policy_version": text} | other
    schema = pa.schema([f(n, t, n not in ("release", "runtime_name", "message")) for n, t in types.items() if t is not None])
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

for codec in ["uncompressed", "gzip"]:
    duckdb.sql(f"COPY (FROM 'pyarrow-snappy-v1.parquet') TO 'duckdb-{codec}.parquet' (FORMAT parquet, CODEC {codec})")

# Dictionary pages, then plain pages in the same column chunk: the dictionary grows too large in the middle of it.
pq.write_table(table(), "pyarrow-dictionary-overflow.parquet", compression="snappy", dictionary_pagesize_limit=20, data_page_size=16, write_batch_size=1)
pq.write_table(table(), "pyarrow-groups-of-three.parquet", compression="zstd", row_group_size=3, write_statistics=False)
pq.write_table(table(), "pyarrow-v2-no-dictionary.parquet", compression="snappy", use_dictionary=False, data_page_version="2.0")
pq.write_table(table(), "pyarrow-page-index.parquet", compression="gzip", write_page_index=True, write_page_checksum=True, store_schema=False)
pq.write_table(table(text=pa.large_string(), list_=pa.large_list), "pyarrow-large.parquet", compression="zstd")
view = pa.string_view()  # pyarrow cannot write it in lists
pq.write_table(table(event_id=view, org_id=view, project_id=view, platform=view, release=view, message=view), "pyarrow-string-view.parquet", compression="zstd")
pq.write_table(table(required=True), "pyarrow-required.parquet", compression="snappy")
pq.write_table(table(text=pa.binary()), "pyarrow-binary.parquet", compression="snappy")
category = pa.dictionary(pa.int32(), pa.string())
pq.write_table(table(org_id=category, project_id=category, platform=category, release=category, environment=category), "pyarrow-categorical.parquet", compression="zstd")

frame = polars.from_arrow(table())
frame.write_parquet("polars-zstd.parquet", compression="zstd")
frame.write_parquet("polars-snappy-groups.parquet", compression="snappy", row_group_size=5, statistics=False)
frame.write_parquet("polars-uncompressed.parquet", compression="uncompressed", data_page_size=64)
frame.with_columns(polars.col("platform", "org_id").cast(polars.Categorical), polars.col("timestamp").cast(polars.Datetime("us", "UTC"))).write_parquet("polars-categorical-micros.parquet", compression="gzip")

os.makedirs("refused", exist_ok=True)
for codec in ["brotli", "lz4"]:
    pq.write_table(table(), f"refused/pyarrow-{codec}.parquet", compression=codec)
    duckdb.sql(f"COPY (FROM 'pyarrow-snappy-v1.parquet') TO 'refused/duckdb-{codec}.parquet' (FORMAT parquet, CODEC {codec})")
frame.write_parquet("refused/polars-lz4.parquet", compression="lz4")
pq.write_table(table(), "refused/pyarrow-byte-stream-split.parquet", compression="snappy", use_dictionary=False, column_encoding={"exceptions.list.element.frames.list.element.lineno": "BYTE_STREAM_SPLIT"})
pq.write_table(table(), "refused/pyarrow-int96.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(table(tz=None), "refused/pyarrow-local-time.parquet")
pq.write_table(table().set_column(3, "timestamp", table()["timestamp"].cast(pa.string())), "refused/pyarrow-text-time.parquet")
pq.write_table(table().set_column(3, "timestamp", table()["timestamp"].cast(pa.int64())), "refused/pyarrow-number-time.parquet")
pq.write_table(table().set_column(2, "project_id", pa.array([i % 2 for i in range(12)], pa.decimal128(9, 2))), "refused/pyarrow-decimal.parquet")
pq.write_table(table().set_column(2, "project_id", pa.array([b"org/p%d" % (i % 2) for i in range(12)], pa.binary(6))), "refused/pyarrow-fixed-binary.parquet")
pq.write_table(table().set_column(9, "message", pa.array([b"caf\xe9"] * 12)), "refused/pyarrow-latin1.parquet")
pq.write_table(table(exceptions=None), "refused/pyarrow-no-exceptions.parquet")
duckdb.sql("COPY (SELECT * REPLACE (timestamp::TIMESTAMP AS timestamp) FROM 'pyarrow-snappy-v1.parquet') TO 'refused/duckdb-local-time.parquet' (FORMAT parquet)")
duckdb.sql("COPY (SELECT * REPLACE ('00000000-0000-4000-8000-000000000001'::UUID AS event_id) FROM 'pyarrow-snappy-v1.parquet') TO 'refused/duckdb-uuid.parquet' (FORMAT parquet)")
duckdb.sql("COPY (SELECT * REPLACE (exceptions::JSON AS exceptions) FROM 'pyarrow-snappy-v1.parquet') TO 'refused/duckdb-json.parquet' (FORMAT parquet)")
frame.with_columns(polars.col("timestamp").dt.replace_time_zone(None)).write_parquet("refused/polars-local-time.parquet")


class PlainKeys(pe.KmsClient):
    """Wraps keys by not wrapping them: the files are for refusing."""

    def __init__(self, config):
        pe.KmsClient.__init__(self)

    def wrap_key(self, key, name):
        return base64.b64encode(key)

    def unwrap_key(self, key, name):
        return base64.b64decode(key)


for plain in [True, False]:
    how = pe.EncryptionConfiguration(footer_key="footer", column_keys={"column": ["org_id", "message"]}, plaintext_footer=plain, data_key_length_bits=128)
    keys = pe.CryptoFactory(PlainKeys).file_encryption_properties(pe.KmsConnectionConfig(), how)
    with pq.ParquetWriter(f"refused/pyarrow-encrypted{'-columns' if plain else ''}.parquet", table().schema, encryption_properties=keys) as writer:
        writer.write_table(table())
# fastparquet has no nested lists: it writes them as JSON text.
fastparquet.write("refused/fastparquet-json.parquet", pandas.DataFrame(rows()), object_encoding={"exceptions": "json", "consent_purposes": "json"} | {c: "utf8" for c in table().column_names if c not in ("exceptions", "consent_purposes", "timestamp")})

with open("rows.json", "w") as f:
    json.dump(rows(), f, indent=1, default=lambda t: t.isoformat(), ensure_ascii=False)
    f.write("\n")
