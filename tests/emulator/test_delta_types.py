"""Column types survive every translation."""

import pytest

from replicator.emulator.delta import types

TEXTS = [
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "float",
    "double",
    "date",
    "timestamp",
    "timestamp_ntz",
    "string",
    "binary",
    "variant",
    "decimal(38,10)",
    "array<int>",
    "map<string,array<bigint>>",
    "struct<a:int,b:struct<c:string,d:decimal(5,2)>>",
    "struct<`a b`:int>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_type_text_and_delta_json_round_trip(text: str) -> None:
    parsed = types.parse(text)
    assert types.text_of(parsed) == text
    assert types.from_json(types.to_json(parsed)) == parsed


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("INTEGER", "int"),
        ("LONG", "bigint"),
        ("DECIMAL", "decimal(10,0)"),
        ("numeric(4)", "decimal(4,0)"),
        ("ARRAY < STRING >", "array<string>"),
        ("struct<a: INT COMMENT 'x', b STRING NOT NULL>", "struct<a:int,b:string>"),
        ("STRING COLLATE UTF8_LCASE", "string"),
    ],
)
def test_synonyms_are_one_type(given: str, meant: str) -> None:
    assert types.text_of(types.parse(given)) == meant


def test_char_and_varchar_keep_their_length_in_metadata() -> None:
    parsed, metadata = types.parse_with_metadata("VARCHAR(10)")
    assert parsed == types.STRING
    assert types.field_text(types.Field("c", parsed, True, metadata)) == "varchar(10)"


@pytest.mark.parametrize("text", ["", "array<int", "foo", "decimal(", "map<int>", "int int"])
def test_text_that_is_no_type_is_refused(text: str) -> None:
    with pytest.raises((types.TypeSyntaxError, ValueError)):
        types.parse(text)


def test_column_documents_name_the_type_as_the_rest_api_does() -> None:
    schema = types.parse("struct<a:bigint,b:decimal(10,2),c:array<int>>")
    assert isinstance(schema, types.Struct)
    docs = types.column_docs(schema, ["b"])
    assert [(doc["type_name"], doc["type_text"], doc["position"]) for doc in docs] == [
        ("LONG", "bigint", 0),
        ("DECIMAL", "decimal(10,2)", 1),
        ("ARRAY", "array<int>", 2),
    ]
    assert docs[1]["partition_index"] == 0
    assert (docs[1]["type_precision"], docs[1]["type_scale"]) == (10, 2)
    assert types.schema_of_docs(docs) == schema
