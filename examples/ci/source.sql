-- What the source of the example holds.
CREATE CATALOG shop COMMENT 'The shop';
CREATE SCHEMA shop.sales;
CREATE TABLE shop.sales.orders (id BIGINT, customer STRING, total DECIMAL(12, 2)) COMMENT 'One row per order';
INSERT INTO shop.sales.orders SELECT id, concat('c', id % 97), id * 1.5 FROM range(1000);
CREATE TABLE shop.sales.customers (id STRING, name STRING);
INSERT INTO shop.sales.customers SELECT concat('c', id), concat('customer ', id) FROM range(97);
