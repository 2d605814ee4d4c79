// The official Node.js driver: types, parameters, errors, large results and the catalog calls.
'use strict';
const assert = require('assert');
const { DBSQLClient } = require('@databricks/sql');

const [host, port, path, token, catalog, schema] = process.argv.slice(2);

async function all(session, statement, options = {}) {
  const operation = await session.executeStatement(statement, { runAsync: true, ...options });
  const rows = await operation.fetchAll();
  await operation.close();
  return rows;
}

async function listed(operation) {
  const rows = await operation.fetchAll();
  await operation.close();
  return rows;
}

async function main() {
  const client = new DBSQLClient();
  await client.connect({ host, port: Number(port), path, token, telemetryEnabled: false });
  const session = await client.openSession({ initialCatalog: catalog, initialSchema: schema });
  await all(session, 'CREATE TABLE people (id BIGINT, name STRING, pay DECIMAL(10,2), born DATE, seen TIMESTAMP, ok BOOLEAN, raw BINARY, tags ARRAY<STRING>)');
  await all(session, "INSERT INTO people VALUES (1, 'Ann', 10.50, DATE'2000-01-02', TIMESTAMP'2024-01-02 03:04:05.678Z', true, X'00FF', array('a', 'b')), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)");
  const [ann, nobody] = await all(session, 'SELECT * FROM people ORDER BY id');
  assert.equal(Number(ann.id), 1);
  assert.equal(ann.name, 'Ann');
  assert.equal(Number(ann.pay), 10.5);
  assert.equal(new Date(ann.seen).toISOString(), '2024-01-02T03:04:05.678Z');
  assert.equal(ann.ok, true);
  assert.deepEqual([...ann.raw], [0, 255]);
  assert.deepEqual([...ann.tags], ['a', 'b']);
  for (const name of ['name', 'pay', 'born', 'seen', 'ok', 'raw', 'tags']) assert.equal(nobody[name], null, name);
  const named = await all(session, 'SELECT :n + 1 AS n, :s AS s', { namedParameters: { n: 41, s: "it's" } });
  assert.equal(Number(named[0].n), 42);
  assert.equal(named[0].s, "it's");
  const placed = await all(session, 'SELECT ? AS a, ? AS b', { ordinalParameters: [true, 'x'] });
  assert.deepEqual([placed[0].a, placed[0].b], [true, 'x']);
  assert.deepEqual(await all(session, 'SELECT 1 AS one WHERE false'), []);
  const many = await all(session, 'SELECT id FROM range(300000)');
  assert.equal(many.length, 300000);
  await assert.rejects(all(session, 'SELECT * FROM absent'), /TABLE_OR_VIEW_NOT_FOUND.*42P01/s);
  await assert.rejects(all(session, 'SELEC 1'), /PARSE_SYNTAX_ERROR.*42601/s);
  const catalogs = await listed(await session.getCatalogs());
  assert(catalogs.some((row) => row.TABLE_CAT === catalog));
  const schemas = await listed(await session.getSchemas({ catalogName: catalog }));
  assert(schemas.some((row) => row.TABLE_SCHEM === schema));
  const tables = await listed(await session.getTables({ catalogName: catalog, schemaName: schema }));
  assert.deepEqual(tables.map((row) => row.TABLE_NAME), ['people']);
  const columns = await listed(await session.getColumns({ catalogName: catalog, schemaName: schema, tableName: 'people' }));
  assert.deepEqual(columns.map((row) => row.COLUMN_NAME), ['id', 'name', 'pay', 'born', 'seen', 'ok', 'raw', 'tags']);
  const types = await listed(await session.getTableTypes());
  assert(types.length >= 2);
  const keys = await listed(await session.getPrimaryKeys({ catalogName: catalog, schemaName: schema, tableName: 'people' }));
  assert.deepEqual(keys, []);
  await session.close();
  await client.close();
  console.log('done');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
