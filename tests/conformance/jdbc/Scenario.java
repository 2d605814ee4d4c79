import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

/** The official JDBC driver: types, parameters, errors, large results and the metadata that tools ask for. */
public class Scenario {
  static Connection open(String[] args) throws SQLException {
    Properties properties = new Properties();
    properties.put("UID", "token");
    properties.put("PWD", args[1]);
    return DriverManager.getConnection(args[0], properties);
  }

  static void check(Object found, Object expected) {
    if (!Objects.equals(String.valueOf(found), String.valueOf(expected)))
      throw new AssertionError("found " + found + ", expected " + expected);
  }

  static List<String> column(ResultSet rows, String label) throws SQLException {
    List<String> found = new ArrayList<>();
    while (rows.next()) found.add(rows.getString(label));
    return found;
  }

  public static void main(String[] args) throws Exception {
    String catalog = args[2], schema = args[3];
    try (Connection connection = open(args); Statement statement = connection.createStatement()) {
      statement.execute("USE " + catalog + "." + schema);
      check(statement.executeUpdate("CREATE TABLE people (id BIGINT NOT NULL COMMENT 'key', name STRING,"
          + " pay DECIMAL(10,2), born DATE, seen TIMESTAMP, ok BOOLEAN, score DOUBLE, raw BINARY,"
          + " CONSTRAINT people_pk PRIMARY KEY (id))"), 0);
      statement.execute("CREATE TABLE pets (id INT, owner BIGINT, CONSTRAINT pets_fk FOREIGN KEY (owner) REFERENCES people (id))");
      statement.execute("CREATE VIEW names AS SELECT name FROM people");
      check(statement.executeUpdate("INSERT INTO people VALUES (1, 'Ann', 10.50, DATE'2000-01-02',"
          + " TIMESTAMP'2024-01-02 03:04:05.678Z', true, 1.5, X'00FF'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"), 2);
      types(statement);
      parameters(connection);
      errors(statement);
      large(statement);
      metadata(connection.getMetaData(), catalog, schema);
    }
    System.out.println("done");
  }

  static void types(Statement statement) throws SQLException {
    try (ResultSet rows = statement.executeQuery("SELECT * FROM people ORDER BY id")) {
      ResultSetMetaData described = rows.getMetaData();
      int[] kinds = {Types.BIGINT, Types.VARCHAR, Types.DECIMAL, Types.DATE, Types.TIMESTAMP, Types.BOOLEAN, Types.DOUBLE, Types.BINARY};
      for (int index = 0; index < kinds.length; index++) check(described.getColumnType(index + 1), kinds[index]);
      check(described.getPrecision(3) + "," + described.getScale(3), "10,2");
      check(rows.next(), true);
      check(rows.getLong("id"), 1);
      check(rows.getString("name"), "Ann");
      check(rows.getBigDecimal("pay"), new BigDecimal("10.50"));
      check(rows.getDate("born"), "2000-01-02");
      check(rows.getTimestamp("seen").toInstant(), "2024-01-02T03:04:05.678Z");
      check(rows.getBoolean("ok"), true);
      check(rows.getDouble("score"), 1.5);
      check(Arrays.toString(rows.getBytes("raw")), "[0, -1]");
      check(rows.next(), true);
      for (int index = 2; index <= 8; index++) {
        rows.getObject(index);
        check(rows.wasNull(), true);
      }
      check(rows.next(), false);
    }
    try (ResultSet rows = statement.executeQuery("SELECT array(1, 2) AS a, map('k', 1) AS m, named_struct('x', 'y') AS s")) {
      rows.next();
      for (String label : List.of("a", "m", "s")) if (rows.getObject(label) == null) throw new AssertionError(label);
    }
    try (ResultSet rows = statement.executeQuery("SELECT 1 AS one WHERE false")) {
      check(rows.getMetaData().getColumnName(1), "one");
      check(rows.next(), false);
    }
  }

  static void parameters(Connection connection) throws SQLException {
    try (PreparedStatement prepared = connection.prepareStatement("SELECT name FROM people WHERE id = ? AND pay = ? AND name = ?")) {
      prepared.setLong(1, 1);
      prepared.setBigDecimal(2, new BigDecimal("10.50"));
      prepared.setString(3, "Ann");
      check(column(prepared.executeQuery(), "name"), List.of("Ann"));
    }
    try (PreparedStatement prepared = connection.prepareStatement("INSERT INTO pets VALUES (?, ?)")) {
      for (int id = 1; id <= 3; id++) {
        prepared.setInt(1, id);
        prepared.setNull(2, Types.BIGINT);
        prepared.addBatch();
      }
      check(Arrays.stream(prepared.executeBatch()).sum(), 3);
    }
  }

  static void errors(Statement statement) {
    String[][] refused = {{"SELEC 1", "PARSE_SYNTAX_ERROR", "42601"}, {"SELECT * FROM absent", "TABLE_OR_VIEW_NOT_FOUND", "42P01"}};
    for (String[] row : refused) {
      try {
        statement.execute(row[0]);
        throw new AssertionError(row[0] + " was not refused");
      } catch (SQLException error) {
        if (!error.getMessage().contains(row[1])) throw new AssertionError(error.getMessage());
        check(error.getSQLState(), row[2]);
      }
    }
  }

  static void large(Statement statement) throws SQLException {
    long sum = 0, count = 0;
    try (ResultSet rows = statement.executeQuery("SELECT id, concat('row ', id) AS name FROM range(300000)")) {
      for (; rows.next(); count++) sum += rows.getLong(1);
    }
    check(count + " " + sum, "300000 44999850000");
  }

  static void metadata(DatabaseMetaData database, String catalog, String schema) throws SQLException {
    if (!column(database.getCatalogs(), "TABLE_CAT").contains(catalog)) throw new AssertionError("getCatalogs");
    if (!column(database.getSchemas(catalog, "%"), "TABLE_SCHEM").containsAll(List.of(schema, "information_schema")))
      throw new AssertionError("getSchemas");
    check(new TreeSet<>(column(database.getTables(catalog, schema, "%", null), "TABLE_NAME")), "[names, people, pets]");
    check(column(database.getTables(catalog, schema, "pe%", new String[] {"TABLE"}), "TABLE_NAME"), "[people, pets]");
    check(column(database.getTables(catalog, schema, "%", new String[] {"VIEW"}), "TABLE_NAME"), "[names]");
    check(column(database.getColumns(catalog, schema, "people", "%"), "COLUMN_NAME"), "[id, name, pay, born, seen, ok, score, raw]");
    try (ResultSet rows = database.getColumns(catalog, schema, "people", "id")) {
      check(rows.next(), true);
      check(rows.getString("TYPE_NAME") + " " + rows.getInt("DATA_TYPE") + " " + rows.getString("IS_NULLABLE") + " " + rows.getString("REMARKS"),
          "BIGINT " + Types.BIGINT + " NO key");
    }
    try (ResultSet rows = database.getPrimaryKeys(catalog, schema, "people")) {
      check(rows.next(), true);
      check(rows.getString("COLUMN_NAME") + " " + rows.getString("PK_NAME"), "id people_pk");
    }
    try (ResultSet rows = database.getImportedKeys(catalog, schema, "pets")) {
      check(rows.next(), true);
      check(rows.getString("FKCOLUMN_NAME") + " " + rows.getString("PKTABLE_NAME") + " " + rows.getString("PKCOLUMN_NAME"), "owner people id");
    }
    check(column(database.getTableTypes(), "TABLE_TYPE").contains("VIEW"), true);
  }
}
