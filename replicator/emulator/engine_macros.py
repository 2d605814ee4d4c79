"""Functions of Spark SQL that DuckDB lacks or means differently: macros and a few Python functions, named `sp_…`.

`sql.translate` maps the names that a statement uses onto these.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import duckdb

from replicator.emulator.delta import types

# xxhash64: the engine's own 64-bit hash with Spark's meaning of NULL. Spark skips NULL arguments, so that
# xxhash64(1, NULL) = xxhash64(NULL, 1) = xxhash64(1): here the hashes of the non-NULL arguments form a list, which is
# hashed. Values differ from Databricks' and may change with the engine's version: compare them only with each other.
# Maps cannot be hashed, as on Databricks. `hash` (32 bits) follows the same rules.
_NO_MAPS = (
    "error('[[DATATYPE_MISMATCH.HASH_MAP_TYPE|42K09]] Cannot resolve the expression due to data type mismatch: Input to"
    ' the function cannot contain elements of the "MAP" type.\')'
)
_DIVIDE_BY_ZERO = (
    "error('[[DIVIDE_BY_ZERO|22012]] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL"
    " instead.')"
)


def _malformed(kind: str) -> str:
    return (
        "error('[[CAST_INVALID_INPUT|22018]] The value ''' || x || ''' of the type \"STRING\" cannot be cast to"
        f' "{kind}"'
        " because it is malformed. Correct the value as per the syntax, or change its target type. Use `try_cast` to"
        " tolerate malformed input and return NULL instead.')"
    )


def _to_integer(name: str, kind: str) -> str:
    """A cast to an integer type: fractions are cut off, text must be a whole number."""
    text = f"CASE WHEN regexp_full_match(trim(x), '[+-]?[0-9]+') THEN CAST(trim(x) AS {kind}) WHEN x IS NULL THEN NULL"
    return (
        f"CREATE MACRO {name}(x DOUBLE) AS CAST(trunc(x) AS {kind}), (x DECIMAL(38,10)) AS CAST(trunc(x) AS {kind}),"
        f" (x BIGINT) AS CAST(x AS {kind}), (x HUGEINT) AS CAST(x AS {kind}), (x BOOLEAN) AS CAST(x AS {kind}),"
        f" (x TIMESTAMPTZ) AS CAST(floor(epoch(x)) AS {kind}), (x VARCHAR) AS {text} ELSE {_malformed(kind)} END,"
        f" (x) AS CAST(x AS {kind})"
    )


MACROS: tuple[str, ...] = (
    f"CREATE MACRO sp_hash_one(x) AS CASE WHEN x IS NULL THEN NULL WHEN starts_with(typeof(x), 'MAP(') THEN {_NO_MAPS}"
    "::UBIGINT ELSE hash(x) END",
    "CREATE MACRO sp_hash_nested(x) AS list_transform([x], lambda v: sp_hash_one(v))[1]",
    "CREATE MACRO sp_is_map(x) AS starts_with(typeof(x), 'MAP(')",
    # the engine's hash of 0 is 0, and of a list whose first hashes are 0 that of the rest: a seed keeps them apart
    "CREATE MACRO sp_xxhash64_of(h) AS CAST(hash(h)::HUGEINT - 9223372036854775808 AS BIGINT)",
    "CREATE MACRO sp_hash32_of(h) AS CAST((hash(h) & 4294967295)::BIGINT - 2147483648 AS INTEGER)",
    "CREATE MACRO sp_xxhash64(hashes) AS"
    " sp_xxhash64_of(hash(list_concat([42::UBIGINT], list_filter(hashes, lambda h: h IS NOT NULL))))",
    "CREATE MACRO sp_hash32(hashes) AS"
    " sp_hash32_of(hash(list_concat([42::UBIGINT], list_filter(hashes, lambda h: h IS NOT NULL))))",
    # arithmetic
    f"CREATE MACRO sp_divide(a, b) AS CASE WHEN b = 0 THEN {_DIVIDE_BY_ZERO} ELSE a / b END",
    "CREATE MACRO sp_pmod(a, b) AS CASE WHEN a % b < 0 THEN (a % b + b) % b ELSE a % b END",
    "CREATE MACRO sp_negative(x) AS -x",
    "CREATE MACRO sp_positive(x) AS x",
    "CREATE MACRO sp_shiftrightunsigned(a, n) AS CASE WHEN n % 64 = 0 THEN a"
    " ELSE (a >> n) & ((1::BIGINT << (64 - n % 64)::INT) - 1) END",
    # collections
    "CREATE MACRO sp_get(c, n) AS c[n + 1]",
    "CREATE MACRO sp_element_at(c, k) AS c[k]",
    # dates and times
    "CREATE MACRO sp_date_add(d, n) AS CAST(d AS DATE) + CAST(n AS INTEGER)",
    "CREATE MACRO sp_weekday(d) AS CAST(isodow(CAST(d AS DATE)) - 1 AS INTEGER)",
    "CREATE MACRO sp_timestamp_seconds(n) AS to_timestamp(n)",
    "CREATE MACRO sp_timestamp_millis(n) AS CAST(make_timestamp(n::BIGINT * 1000) AS TIMESTAMPTZ)",
    "CREATE MACRO sp_timestamp_micros(n) AS CAST(make_timestamp(n::BIGINT) AS TIMESTAMPTZ)",
    "CREATE MACRO sp_unix_seconds(t) AS CAST(floor(epoch(CAST(t AS TIMESTAMPTZ))) AS BIGINT)",
    "CREATE MACRO sp_unix_millis(t) AS epoch_ms(CAST(t AS TIMESTAMPTZ))",
    "CREATE MACRO sp_unix_micros(t) AS epoch_us(CAST(t AS TIMESTAMPTZ))",
    "CREATE MACRO sp_unix_date(d) AS CAST(CAST(d AS DATE) - DATE '1970-01-01' AS INTEGER)",
    "CREATE MACRO sp_date_from_unix_date(n) AS DATE '1970-01-01' + CAST(n AS INTEGER)",
    # as results show them: `1-2` (years-months) or `1 02:03:04.500000000` (days and time)
    "CREATE MACRO sp_interval_us(i) AS ((date_part('day', i) * 24 + date_part('hour', i)) * 60"
    " + date_part('minute', i)) * 60000000 + date_part('microsecond', i)",
    "CREATE MACRO sp_interval_months(i) AS date_part('year', i) * 12 + date_part('month', i)",
    "CREATE MACRO sp_interval_sign(n) AS CASE WHEN n < 0 THEN '-' ELSE '' END",
    "CREATE MACRO sp_interval_day_time(u) AS sp_interval_sign(u) || format('{} {:02d}:{:02d}:{:02d}.{:06d}000',"
    " abs(u) // 86400000000, abs(u) // 3600000000 % 24, abs(u) // 60000000 % 60, abs(u) // 1000000 % 60,"
    " abs(u) % 1000000)",
    "CREATE MACRO sp_interval_text(i) AS CASE WHEN i IS NULL THEN NULL WHEN sp_interval_months(i) <> 0 THEN"
    " sp_interval_sign(sp_interval_months(i)) || format('{}-{}', abs(sp_interval_months(i)) // 12,"
    " abs(sp_interval_months(i)) % 12) ELSE sp_interval_day_time(CAST(sp_interval_us(i) AS BIGINT)) END",
    # text
    "CREATE MACRO sp_octet_length(x BLOB) AS CAST(octet_length(x) AS INTEGER),"
    " (x VARCHAR) AS CAST(strlen(x) AS INTEGER)",
    "CREATE MACRO sp_to_string(x VARCHAR) AS x,"
    " (x TIMESTAMPTZ) AS regexp_replace(CAST(x AS VARCHAR), '[+-][0-9]{2}(:[0-9]{2})*$', ''),"
    " (x INTERVAL) AS CAST(x AS VARCHAR),"
    " (x TIMESTAMP) AS CAST(x AS VARCHAR), (x DATE) AS CAST(x AS VARCHAR), (x BOOLEAN) AS CAST(x AS VARCHAR),"
    " (x BIGINT) AS CAST(x AS VARCHAR), (x BLOB) AS decode(x), (x) AS CAST(x AS VARCHAR)",
    _to_integer("sp_to_tinyint", "TINYINT"),
    _to_integer("sp_to_smallint", "SMALLINT"),
    _to_integer("sp_to_int", "INTEGER"),
    _to_integer("sp_to_bigint", "BIGINT"),
    # a variant keeps its JSON nulls
    "CREATE MACRO sp_json_text(x) AS CASE WHEN typeof(x) = 'VARIANT' THEN CAST(to_json(x) AS VARCHAR)"
    " ELSE sp_to_json(CAST(to_json(x) AS VARCHAR)) END",
    # of all bases, only hexadecimal to signed decimal
    "CREATE MACRO sp_conv(x, a, b) AS CASE WHEN a <> 16 OR b <> -10 THEN"
    " error('[[UNSUPPORTED_FEATURE|0A000]] conv is only supported from base 16 to -10 by the emulator.') ELSE"
    " CAST(CASE WHEN ('0x' || x)::UBIGINT > 9223372036854775807"
    " THEN ('0x' || x)::UBIGINT::HUGEINT - 18446744073709551616 ELSE ('0x' || x)::UBIGINT::HUGEINT END AS VARCHAR) END",
    # errors
    "CREATE MACRO sp_assert_true(x) AS CASE WHEN x THEN NULL ELSE"
    " error('[[USER_RAISED_EXCEPTION|P0001]] assertion failed') END",
    "CREATE MACRO sp_raise_error(x) AS error('[[USER_RAISED_EXCEPTION|P0001]] ' || x)",
)


def crc32(value: str) -> int:
    """CRC-32 of the UTF-8 text."""
    return zlib.crc32(value.encode())


def typeof(engine_type: str) -> str:
    """Spark's text of the type that the engine names so."""
    return types.text_of(types.from_duckdb(duckdb.sqltype(engine_type)))


def to_json(value: str) -> str:
    """JSON as Spark's to_json writes it: fields that are NULL are left out."""
    return json.dumps(_without_nulls(json.loads(value)), ensure_ascii=False, separators=(",", ":"))


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


# name -> (function, parameter types, result type)
FUNCTIONS: dict[str, tuple[Callable[[str], object], list[str], str]] = {
    "sp_crc32": (crc32, ["VARCHAR"], "BIGINT"),
    "sp_typeof": (typeof, ["VARCHAR"], "VARCHAR"),
    "sp_to_json": (to_json, ["VARCHAR"], "VARCHAR"),
}
