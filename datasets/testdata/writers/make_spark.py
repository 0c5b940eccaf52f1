"""Writes the rows of rows.json with Apache Spark in the forms that Spark has.

Run in this folder, after make.py: python3 make_spark.py   (made with pyspark 4.3.0 on Java 17)
"""

import datetime
import glob
import json
import os
import shutil
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql import types as t

spark = (
    SparkSession.builder.master("local[1]").appName("writers").config("spark.sql.session.timeZone", "UTC")
    .config("spark.ui.enabled", "false").getOrCreate())


def schema(nulls, time=t.TimestampType()):
    """nulls says whether the elements of lists may be null, which writeLegacyFormat writes in two ways."""
    text = t.StringType()
    frame = t.StructType(
        [t.StructField(n, text) for n in ("function", "module", "filename", "abs_path")]
        + [t.StructField("lineno", t.IntegerType()), t.StructField("colno", t.IntegerType()),
           t.StructField("in_app", t.BooleanType()), t.StructField("context_line", text)])
    exception = t.StructType(
        [t.StructField(n, text) for n in ("type", "value", "mechanism_type")]
        + [t.StructField("handled", t.BooleanType()), t.StructField("frames", t.ArrayType(frame, nulls))])
    scalars = ["platform", "release", "environment", "runtime_name", "runtime_version", "message"]
    return t.StructType(
        [t.StructField(n, text, nullable=False) for n in ("event_id", "org_id", "project_id")]
        + [t.StructField("timestamp", time)] + [t.StructField(n, text) for n in scalars]
        + [t.StructField("exceptions", t.ArrayType(exception, nulls)),
           t.StructField("consent_purposes", t.ArrayType(text, nulls)), t.StructField("consent_policy_version", text)])


with open("rows.json") as f:
    rows = json.load(f)
for r in rows:
    r["timestamp"] = datetime.datetime.fromisoformat(r["timestamp"])


def write(path, conf=None, nulls=True, time=t.TimestampType(), **options):
    """Writes the rows as one file. conf is of the session, without "spark.sql.parquet."; options are of the writer."""
    conf = {"outputTimestampType": "TIMESTAMP_MILLIS"} | (conf or {})
    for key, value in conf.items():
        if value is None:
            spark.conf.unset("spark.sql.parquet." + key)
        else:
            spark.conf.set("spark.sql.parquet." + key, value)
    data = rows
    if isinstance(time, t.TimestampNTZType):
        data = [r | {"timestamp": r["timestamp"].replace(tzinfo=None)} for r in rows]
    frame = spark.createDataFrame([dict(r) for r in data], schema(nulls, time)).coalesce(1)
    with tempfile.TemporaryDirectory() as folder:
        writer = frame.write.mode("overwrite")
        for key, value in options.items():
            writer = writer.option(key.replace("_", "."), value)
        writer.parquet(folder)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        shutil.copyfile(glob.glob(os.path.join(folder, "*.parquet"))[0], path)
    for key in conf:
        spark.conf.unset("spark.sql.parquet." + key)


write("spark-millis.parquet")
write("spark-micros.parquet", {"outputTimestampType": "TIMESTAMP_MICROS"})
write("spark-no-nulls.parquet", nulls=False)
for codec in ["zstd", "gzip", "uncompressed"]:
    write(f"spark-{codec}.parquet", compression=codec)
write("spark-no-dictionary.parquet", parquet_enable_dictionary="false")
write("spark-v2.parquet", parquet_writer_version="v2")
write("spark-v2-no-dictionary.parquet", parquet_writer_version="v2", parquet_enable_dictionary="false", compression="zstd")
# Tiny pages, and row groups that end when a few kilobytes are buffered.
small = {"parquet_page_size_row_check_min": 1, "parquet_page_size_row_check_max": 1, "parquet_block_size_row_check_min": 1,
         "parquet_block_size_row_check_max": 1, "parquet_page_row_count_limit": 3}
write("spark-tiny-pages.parquet", parquet_page_size=64, **small)
write("spark-groups.parquet", parquet_block_size=4096, **small)
# Lists whose elements may be null: the group "bag" around them, which reads as three levels.
write("spark-legacy-bag.parquet", {"writeLegacyFormat": "true"})
# And those that may not: two levels.
write("two-level/spark-legacy-array.parquet", {"writeLegacyFormat": "true"}, nulls=False)
write("two-level/spark-legacy-array-v2.parquet", {"writeLegacyFormat": "true"}, nulls=False, parquet_writer_version="v2", compression="zstd")

write("refused/spark-int96.parquet", {"outputTimestampType": "INT96"})
write("refused/spark-local-time.parquet", time=t.TimestampNTZType())
write("refused/spark-lz4-raw.parquet", compression="lz4_raw")
write("refused/spark-lz4.parquet", compression="lz4")

print("default outputTimestampType:", spark.conf.get("spark.sql.parquet.outputTimestampType"))
spark.stop()
