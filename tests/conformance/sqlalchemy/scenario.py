"""What SQLAlchemy does with the workspace that the arguments name: a URL, and arguments of the connector as JSON."""

import datetime
import decimal
import json
import sys

import sqlalchemy as sa

url, arguments = sys.argv[1], json.loads(sys.argv[2])
engine = sa.create_engine(url, connect_args=arguments)
metadata = sa.MetaData()
people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String),
    sa.Column("born", sa.Date),
    sa.Column("pay", sa.Numeric(10, 2)),
    sa.Column("ok", sa.Boolean),
    sa.Column("at", sa.DateTime),
    sa.Column("score", sa.Float),
)
pets = sa.Table(
    "pets",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("owner", sa.BigInteger, sa.ForeignKey("people.id")),
)
metadata.create_all(engine)
ann = (1, "Ann", datetime.date(2000, 1, 2), decimal.Decimal("10.50"), True, datetime.datetime(2024, 1, 2, 3, 4, 5), 1.5)
with engine.begin() as c:
    names = [column.name for column in people.columns]
    c.execute(people.insert(), [dict(zip(names, ann, strict=True)), dict.fromkeys(names) | {"id": 2}])
    c.execute(people.update().where(people.c.id == 2).values(name="Bob"))
with engine.connect() as c:
    assert tuple(c.execute(sa.select(people).order_by(people.c.id)).first()) == ann
    found = sa.select(sa.func.count(), sa.func.sum(people.c.pay)).where(people.c.name.like("A%"))
    assert tuple(c.execute(found).one()) == (1, decimal.Decimal("10.50"))
inspector = sa.inspect(engine)
assert inspector.get_table_names() == ["people", "pets"]
assert inspector.has_table("people")
assert not inspector.has_table("no")
assert [str(column["type"]) for column in inspector.get_columns("people")][:4] == [
    "BIGINT",
    "VARCHAR",
    "DATE",
    "NUMERIC(10, 2)",
]
assert inspector.get_pk_constraint("people")["constrained_columns"] == ["id"]
assert inspector.get_foreign_keys("pets")[0]["referred_table"] == "people"
assert sorted(sa.Table("people", sa.MetaData(), autoload_with=engine).columns.keys()) == sorted(names)
metadata.drop_all(engine)
assert sa.inspect(engine).get_table_names() == []
engine.dispose()
