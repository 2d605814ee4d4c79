-- What the source metastore holds before replicator comes: two schemas with plain, partitioned and clustered tables,
-- every column type, one streaming table and one materialized view. More than a million rows in all.
CREATE CATALOG aaron COMMENT 'Production data of the source metastore';
CREATE CATALOG operations;
CREATE SCHEMA operations.audit;
CREATE SCHEMA aaron.source_schema COMMENT 'Orders, customers and events';
CREATE SCHEMA aaron.analytics_schema COMMENT 'What the business reads';

CREATE TABLE aaron.source_schema.orders (
  order_id BIGINT NOT NULL,
  customer_id INT,
  amount DECIMAL(12, 2),
  quantity SMALLINT,
  discount DOUBLE,
  note STRING COMMENT 'what the customer wrote',
  ordered_at TIMESTAMP,
  paid BOOLEAN
) COMMENT 'One row for each order' CLUSTER BY (customer_id);

INSERT INTO aaron.source_schema.orders
SELECT
  id,
  CAST(id % 50000 AS INT),
  CAST(id % 100000 AS DECIMAL(12, 2)) / 7,
  CAST(1 + id % 9 AS SMALLINT),
  CASE WHEN id % 10 = 0 THEN NULL ELSE CAST(id % 30 AS DOUBLE) / 100 END,
  concat('order ', id),
  timestamp_seconds(1767225600 + id % 500000),
  id % 3 = 0
FROM range(1000000);

CREATE TABLE aaron.source_schema.events (
  event_id BIGINT,
  kind STRING,
  day DATE,
  payload STRUCT<source: STRING, attempts: INT>
) COMMENT 'What happened, a partition a day' PARTITIONED BY (day);

INSERT INTO aaron.source_schema.events
SELECT
  id,
  CASE id % 3 WHEN 0 THEN 'click' WHEN 1 THEN 'view' ELSE 'buy' END,
  date_add(DATE '2026-01-01', CAST(id % 30 AS INT)),
  named_struct('source', concat('web-', id % 5), 'attempts', CAST(id % 4 AS INT))
FROM range(100000);

CREATE TABLE aaron.source_schema.every_type (
  a_boolean BOOLEAN,
  a_tinyint TINYINT,
  a_smallint SMALLINT,
  an_int INT,
  a_bigint BIGINT,
  a_float FLOAT,
  a_double DOUBLE,
  a_decimal DECIMAL(38, 10),
  a_string STRING,
  a_varchar VARCHAR(20),
  a_binary BINARY,
  a_date DATE,
  a_timestamp TIMESTAMP,
  a_timestamp_ntz TIMESTAMP_NTZ,
  an_array ARRAY<INT>,
  a_struct STRUCT<x: INT, y: STRING>,
  a_map MAP<STRING, INT>,
  nested ARRAY<STRUCT<tags: ARRAY<STRING>, at: DATE>>
) COMMENT 'Every Delta column type, its extremes and its nulls';

INSERT INTO aaron.source_schema.every_type
SELECT
  true, CAST(127 AS TINYINT), CAST(-32768 AS SMALLINT), 2147483647, 9223372036854775807, CAST(1.5 AS FLOAT),
  2.5e300, CAST('1234567890123456789012345678.0123456789' AS DECIMAL(38, 10)), 'it''s', 'ü', X'00FF',
  DATE '1970-01-01', TIMESTAMP '2026-02-28 23:59:59.999999', TIMESTAMP_NTZ '2026-03-29 02:30:00',
  array(1, NULL, 3), named_struct('x', 1, 'y', NULL), map('a', 1, 'b', NULL),
  array(named_struct('tags', array('x', 'y'), 'at', DATE '2026-01-01'));

INSERT INTO aaron.source_schema.every_type (an_int) VALUES (NULL), (0);

CREATE TABLE aaron.analytics_schema.product_metrics (product STRING, views BIGINT, revenue DECIMAL(18, 2))
COMMENT 'Per product' TBLPROPERTIES ('quality' = 'gold');

INSERT INTO aaron.analytics_schema.product_metrics
SELECT concat('product-', id), id * 3, CAST(id AS DECIMAL(18, 2)) / 3 FROM range(5000);

CREATE TABLE aaron.analytics_schema.sales_data (region STRING, day DATE, total DOUBLE);

INSERT INTO aaron.analytics_schema.sales_data
SELECT concat('region-', id % 12), date_add(DATE '2026-01-01', CAST(id % 90 AS INT)), CAST(id AS DOUBLE) / 8
FROM range(20000);

CREATE STREAMING TABLE aaron.source_schema.clicks COMMENT 'Fed by a pipeline'
AS SELECT event_id, day, payload.source AS page FROM STREAM(aaron.source_schema.events) WHERE kind = 'click';

CREATE MATERIALIZED VIEW aaron.source_schema.daily_events COMMENT 'Kept by a pipeline'
AS SELECT day, kind, count(*) AS events FROM aaron.source_schema.events GROUP BY day, kind;
