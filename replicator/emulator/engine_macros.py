"""Functions of Spark SQL that DuckDB lacks or means differently, as DuckDB macros. Names begin with `sp_`.

`sql.functions` maps the names that a statement uses onto these.
"""

from __future__ import annotations

# xxhash64: the engine's own 64-bit hash with Spark's meaning of NULL. Spark skips NULL arguments, so that
# xxhash64(1, NULL) = xxhash64(NULL, 1) = xxhash64(1): here the hashes of the non-NULL arguments form a list,
# which is hashed. Values differ from Databricks' and may change with the engine's version: compare them only
# with each other. Maps cannot be hashed, as on Databricks.
_HASH = """
CREATE MACRO sp_hash_one(x) AS CASE
    WHEN x IS NULL THEN NULL
    WHEN starts_with(typeof(x), 'MAP(') THEN error('[[DATATYPE_MISMATCH.HASH_MAP_TYPE|42K09]] Cannot resolve
    "xxhash64" due to data type mismatch: Input to the function `xxhash64` cannot contain elements of the
    "MAP" type.')::UBIGINT ELSE hash(x) END
"""
_XXHASH64 = """
CREATE MACRO sp_xxhash64(hashes) AS
    CAST(hash(list_filter(hashes, lambda h: h IS NOT NULL))::HUGEINT - 9223372036854775808 AS BIGINT)
"""
_HASH32 = """
CREATE MACRO sp_hash32(hashes) AS
    CAST((hash(list_filter(hashes, lambda h: h IS NOT NULL)) & 4294967295)::BIGINT - 2147483648 AS INTEGER)
"""
_DIVIDE_BY_ZERO = (
    "error('[[DIVIDE_BY_ZERO|22012]] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL "
    "instead.')"
)

MACROS: tuple[str, ...] = (
    _HASH,
    _XXHASH64,
    _HASH32,
    f"CREATE MACRO sp_divide(a, b) AS CASE WHEN b = 0 THEN {_DIVIDE_BY_ZERO} ELSE a / b END",
    f"CREATE MACRO sp_int_divide(a, b) AS CASE WHEN b = 0 THEN {_DIVIDE_BY_ZERO} ELSE CAST(trunc(a // b) AS BIGINT) END",
    f"CREATE MACRO sp_mod(a, b) AS CASE WHEN b = 0 THEN {_DIVIDE_BY_ZERO} ELSE a % b END",
    f"CREATE MACRO sp_pmod(a, b) AS CASE WHEN b = 0 THEN {_DIVIDE_BY_ZERO} WHEN a % b < 0 THEN (a % b + b) % b ELSE a % b END",
    "CREATE MACRO sp_try_divide(a, b) AS CASE WHEN b = 0 THEN NULL ELSE a / b END",
    # DuckDB shifts left out of range with an error, Spark wraps around.
    "CREATE MACRO sp_shiftleft(a, n) AS CASE WHEN typeof(a) = 'BIGINT' AND n % 64 = 63"
    " THEN CASE WHEN a & 1 = 1 THEN (-9223372036854775808)::BIGINT ELSE 0::BIGINT END ELSE a << n END",
    "CREATE MACRO sp_shiftrightunsigned(a, n) AS CASE WHEN n % 64 = 0 THEN a"
    " ELSE (a >> n) & ((1::BIGINT << (64 - n % 64)::INT) - 1) END",
    "CREATE MACRO sp_element_at(c, k) AS c[k]",
    "CREATE MACRO sp_get(c, k) AS c[k + 1]",
    "CREATE MACRO sp_date_add(d, n) AS CAST(d AS DATE) + CAST(n AS INTEGER)",
    "CREATE MACRO sp_date_sub(d, n) AS CAST(d AS DATE) - CAST(n AS INTEGER)",
    "CREATE MACRO sp_datediff(a, b) AS CAST(CAST(a AS DATE) - CAST(b AS DATE) AS INTEGER)",
    "CREATE MACRO sp_timestamp_seconds(n) AS to_timestamp(n)",
    "CREATE MACRO sp_timestamp_millis(n) AS CAST(make_timestamp(n::BIGINT * 1000) AS TIMESTAMPTZ)",
    "CREATE MACRO sp_timestamp_micros(n) AS CAST(make_timestamp(n::BIGINT) AS TIMESTAMPTZ)",
    "CREATE MACRO sp_unix_seconds(t) AS CAST(floor(epoch(CAST(t AS TIMESTAMPTZ))) AS BIGINT)",
    "CREATE MACRO sp_unix_millis(t) AS epoch_ms(CAST(t AS TIMESTAMPTZ))",
    "CREATE MACRO sp_unix_micros(t) AS epoch_us(CAST(t AS TIMESTAMPTZ))",
    "CREATE MACRO sp_unix_date(d) AS CAST(CAST(d AS DATE) - DATE '1970-01-01' AS INTEGER)",
    "CREATE MACRO sp_date_from_unix_date(n) AS DATE '1970-01-01' + CAST(n AS INTEGER)",
    "CREATE MACRO sp_size(c) AS CASE WHEN c IS NULL THEN NULL ELSE CAST(len(c) AS INTEGER) END",
    "CREATE MACRO sp_length(s) AS CAST(length(s) AS INTEGER)",
    "CREATE MACRO sp_octet_length(s) AS CAST(octet_length(CASE WHEN typeof(s) = 'BLOB' THEN s ELSE encode(s::VARCHAR) END)"
    " AS INTEGER)",
    "CREATE MACRO sp_nvl2(a, b, c) AS CASE WHEN a IS NOT NULL THEN b ELSE c END",
    "CREATE MACRO sp_bool_exists(hits) AS coalesce(list_bool_or(hits), false)",
    "CREATE MACRO sp_hex(x) AS hex(x)",
    "CREATE MACRO sp_space(n) AS repeat(' ', n)",
    "CREATE MACRO sp_startswith(a, b) AS starts_with(a, b)",
    "CREATE MACRO sp_map_concat(a, b) AS map_concat(a, b)",
    "CREATE MACRO sp_typeof(x) AS lower(typeof(x))",
    "CREATE MACRO sp_assert_true(x) AS CASE WHEN x THEN NULL ELSE"
    " error('[[USER_RAISED_EXCEPTION|P0001]] assertion failed') END",
    "CREATE MACRO sp_raise_error(x) AS error('[[USER_RAISED_EXCEPTION|P0001]] ' || x)",
)
