CREATE CATALOG bank;
CREATE SCHEMA bank.accounts;
CREATE TABLE bank.accounts.balances (account BIGINT NOT NULL, balance DECIMAL(12,2), day DATE) CLUSTER BY (account);
INSERT INTO bank.accounts.balances SELECT id, CAST(id * 3 AS DECIMAL(12,2)), DATE '2026-01-01' FROM range(5000);
CREATE SCHEMA bank.feeds;
CREATE TABLE bank.accounts.raw (account BIGINT, amount INT);
INSERT INTO bank.accounts.raw SELECT id % 100, CAST(id % 7 AS INT) FROM range(1000);
CREATE OR REFRESH STREAMING TABLE bank.feeds.bookings TBLPROPERTIES ('emulator.backing' = 'legacy')
  AS SELECT * FROM STREAM(bank.accounts.raw);
