-- A day's work on the source.
INSERT INTO aaron.source_schema.orders (order_id, customer_id, amount, note) VALUES (1000000, 7, 12.50, 'a late order');
UPDATE aaron.analytics_schema.sales_data SET total = total + 1 WHERE region = 'region-3';
