"""Variables, the process environment and `environments:`."""

from collections.abc import Callable

import pytest

from replicator.config import Config
from replicator.config.nodes import plain

Refused = Callable[..., list[str]]
Loader = Callable[..., Config]


def comment_of(config: Config) -> object:
    resource = next(iter(config.declared.values())).resource
    return resource.model_dump()["comment"]


def catalog(comment: str, variables: str = "") -> str:
    return f"resources: {{source: {{catalogs: {{a: {{comment: '{comment}'}}}}}}}}\n{variables}"


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("${name}", "sales"),
        ("a ${name} and ${name}", "a sales and sales"),
        ("${both}", "sales of /home/me"),
        ("${env:HOME}", "/home/me"),
        ("$${name}", "${name}"),
        ("$$ $name $", "$$ $name $"),
        ("${n} ${flag}", "3 true"),
        ("${odd}", "${name}: {x}"),
    ],
)
def test_references_are_replaced(loaded: Loader, comment: str, expected: str) -> None:
    variables = 'variables: {name: sales, both: "${name} of ${env:HOME}", n: 3, flag: true, odd: "$${name}: {x}"}'
    assert comment_of(loaded(catalog(comment, variables), environ={"HOME": "/home/me"})) == expected


def test_a_value_from_outside_is_text_and_never_yaml_or_another_reference(loaded: Loader) -> None:
    config = loaded(catalog("${env:X}"), environ={"X": "${name}\n- [a: {b"})
    assert comment_of(config) == "${name}\n- [a: {b"


def test_the_command_line_goes_before_the_file(loaded: Loader) -> None:
    assert comment_of(loaded(catalog("${x}", "variables: {x: file}"), variables={"x": "cli"})) == "cli"
    assert comment_of(loaded(catalog("${x}"), variables={"x": "cli"})) == "cli"
    assert comment_of(loaded(catalog("${x}", "variables: {x: }"), variables={"x": "cli"})) == "cli"


def test_a_reference_alone_keeps_the_variable_s_type(loaded: Loader) -> None:
    text = "variables: {workers: 2}\nconcurrency: {max_workers: '${workers}'}"
    assert loaded(text).concurrency.max_workers == 2
    assert loaded(text, variables={"workers": "16"}).concurrency.max_workers == 16


def test_keys_are_replaced_too(loaded: Loader) -> None:
    config = loaded('variables: {c: main}\nresources: {source: {schemas: {"${c}.sales": {}}}}')
    assert [str(address) for address in config.declared] == ["source:schema/main.sales"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (catalog("${nme}", "variables: {name: x}"), ["3:46: the variable `nme` is not defined, did you mean `name`?"]),
        (catalog("${env:NOPE}"), ["3:46: the environment variable NOPE is not set"]),
        (catalog("${x"), ["3:46: `${` is not closed by `}`; write `$${` for the text itself"]),
        (
            catalog("${x:-1}"),
            ["3:46: `${x:-1}` is neither `${name}` nor `${env:NAME}`; write `$${` for the text itself"],
        ),
        (
            'variables: {a: "${b}", b: "${a}"}',
            ["3:27: these variables refer to each other in a circle: a → b → a"],
        ),
        ("variables: {a: }", ["3:16: the variable `a` has no value; give one with --var a=…"]),
        ("variables: {a: [1]}", ["3:16: variable `a` must be text, a number or a boolean"]),
        (
            'variables: {c: main}\nresources: {source: {catalogs: {main: {}, "${c}": {}}}}',
            ["4:43: the key `main` stands here a second time after its variables are replaced"],
        ),
    ],
)
def test_references_that_lead_nowhere_are_reported_once(refused: Refused, text: str, lines: list[str]) -> None:
    assert refused(text) == [f"c.yaml:{line}" for line in lines]


def test_a_variable_that_the_file_does_not_know_cannot_be_set(refused: Refused) -> None:
    assert refused("variables: {name: x}", variables={"nam": "y"}) == [
        "c.yaml:1:1: there is no variable `nam` to set, did you mean `name`?"
    ]


ENVIRONMENTS = """\
concurrency: {max_workers: 4, timeout_seconds: 60}
variables: {suffix: dev}
resources: {source: {catalogs: {"main_${suffix}": {comment: base}}}}
environments:
  dev: {default: true, description: for us}
  prod:
    concurrency: {max_workers: 16}
    variables: {suffix: prod}
"""


def test_an_environment_is_laid_over_the_file(loaded: Loader) -> None:
    dev, prod = loaded(ENVIRONMENTS), loaded(ENVIRONMENTS, environment="prod")
    assert (dev.environment, prod.environment) == ("dev", "prod")
    assert (prod.concurrency.max_workers, prod.concurrency.timeout_seconds) == (16, 60)
    assert dev.concurrency.max_workers == 4
    assert [str(address) for address in prod.declared] == ["source:catalog/main_prod"]
    assert dev.hash != prod.hash


def test_places_of_an_environment_s_settings_are_its_own(refused: Refused) -> None:
    text = ENVIRONMENTS.replace("max_workers: 16", "max_workers: x")
    assert refused(text, environment="prod") == [
        "c.yaml:9:32: `max_workers`: expected a whole number, got the text `x`"
    ]


@pytest.mark.parametrize(
    ("environments", "wanted", "chosen"),
    [
        ("{a: {}}", None, "a"),
        ("{a: {}, default: {}}", None, "default"),
        ("{a: {}, b: {default: true}}", None, "b"),
        ("{a: {}, b: {default: true}}", "a", "a"),
    ],
)
def test_an_environment_is_chosen(loaded: Loader, environments: str, wanted: str | None, chosen: str) -> None:
    assert loaded(f"environments: {environments}", environment=wanted).environment == chosen


@pytest.mark.parametrize(
    ("text", "wanted", "lines"),
    [
        ("retry: {}", "prod", ["1:1: there is no environment `prod`: the file has no `environments:`"]),
        (
            "environments: {dev: {}, prod: {}}",
            "prd",
            ["3:1: there is no environment `prd`, did you mean `prod`? (there are: dev, prod)"],
        ),
        (
            "environments: {dev: {}, prod: {}}",
            None,
            ["3:1: choose an environment with --env, or mark one `default: true`: dev, prod"],
        ),
        (
            "environments: {dev: {default: true}, prod: {default: true}}",
            None,
            ["3:38: two environments are the default: dev and prod"],
        ),
        ("environments: []", None, ["3:1: `environments` must be a mapping from names to settings"]),
        ("environments: {dev: 5}", None, ["3:16: environment `dev`: expected a mapping, got a number"]),
        ("environments: {'../x': {}}", None, ["3:16: environment `../x`: use letters, digits, `-`, `_` and `.`"]),
        ("environments: {dev: {version: '2'}}", None, ["3:22: `version` cannot be set inside an environment"]),
        ("environments: {dev: {default: 1}}", None, ["3:22: `default`: expected true or false, got a number"]),
        (
            "environments: {dev: {cncurrency: {}}}",
            None,
            ["3:22: unknown key `cncurrency`, did you mean `concurrency`?"],
        ),
    ],
)
def test_environments_that_cannot_be_chosen_are_reported(
    refused: Refused, text: str, wanted: str | None, lines: list[str]
) -> None:
    assert refused(text, environment=wanted) == [f"c.yaml:{line}" for line in lines]


def test_the_tree_holds_no_trace_of_how_it_was_made(loaded: Loader) -> None:
    assert not {"variables", "environments"} & set(plain(loaded(ENVIRONMENTS).tree.root))
