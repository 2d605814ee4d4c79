CREATE CATALOG shop;
CREATE SCHEMA shop.orders COMMENT 'As the shop writes them';
CREATE TABLE shop.orders.lines (order_id BIGINT, sku STRING, pieces INT) COMMENT 'One row for each line';
INSERT INTO shop.orders.lines SELECT id, concat('sku-', id % 100), CAST(1 + id % 5 AS INT) FROM range(10000);
CREATE TABLE shop.orders.returns (order_id BIGINT, reason STRING);
INSERT INTO shop.orders.returns SELECT id * 7, 'too small' FROM range(500);
CREATE TABLE shop.orders.tmp_import (a INT);
CREATE SCHEMA shop.internal;
CREATE TABLE shop.internal.secrets (a STRING);
