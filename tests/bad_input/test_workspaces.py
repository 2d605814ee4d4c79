"""Files that are right about workspaces that are not as they say: told before anything is changed."""

from collections.abc import Callable

import pytest

from tests.bad_input.conftest import SOURCE, TARGET, Attempt

Refused = Callable[..., None]


def configuration(
    *,
    source: str = SOURCE,
    target: str = TARGET,
    source_more: str = "",
    target_more: str = "",
    table: str = "items",
    copy: str = "shop_dr",
) -> str:
    """Share and replicate one table."""
    return f"""\
source_databricks_connect_config:
  host: "{source}"
  {source_more}
target_databricks_connect_config:
  host: "{target}"
  {target_more}
retry: {{max_attempts: 1, retry_delay_seconds: 0}}
delta_share_config:
  recipient_id: europe
  shares:
    - share_name: orders_share
      catalog_name: shop
      shared_catalog_name: shop_shared
      schemas: [{{schema_name: orders}}]
replication_config:
  catalogs:
    - catalog_name: shop
      target_catalog: {copy}
      schemas:
        - schema_name: orders
          tables: [{{table_name: {table}}}]
"""


CLOSED = "127.0.0.1:9"
"""The discard port, on which nobody listens."""


@pytest.mark.parametrize(("side", "host"), [("source", f"http://{CLOSED}"), ("target", f"https://{CLOSED}")])
def test_an_unreachable_host(side: str, host: str, refused: Refused) -> None:
    refused(
        configuration(**{side: host, f"{side}_more": "token: {env: TOKEN}"}),
        f"error: {host}: the workspace does not answer: Connection refused\n"
        "  check `host` in the configuration, and the network\n",
        TOKEN="never sent",
    )


def test_an_expired_token(refused: Refused) -> None:
    refused(
        configuration(target_more="token: {env: OLD_TOKEN}"),
        f"error: {TARGET}: the credentials were refused: Invalid access token\n"
        "  the token may have expired: renew it and run the command again\n",
        OLD_TOKEN="dapi0123456789abcdef0123456789abcdef",
    )


def test_a_token_that_was_never_exported(refused: Refused) -> None:
    refused(
        configuration(source_more="token: {env: NO_SUCH_TOKEN}"),
        f"error: {SOURCE}: environment variable NO_SUCH_TOKEN is not set\n  export it, then try again\n",
    )


def test_a_profile_that_does_not_exist(attempt: Attempt) -> None:
    attempt.write(
        f"""\
        source_databricks_connect_config: {{profile: nobody}}
        target_databricks_connect_config: {{host: "{TARGET}"}}
        """
    )
    ended = attempt.run("apply", "--yes")
    message = "error: profile nobody: there is no such profile in ~/.databrickscfg, or it holds no credentials\n"
    assert (ended.stderr, ended.stdout, ended.returncode) == (message, "", 1)


@pytest.mark.parametrize(
    ("more", "host"),
    [
        ({"source_more": "warehouse_id: deadbeef00000000"}, SOURCE),
        ({"target_more": "http_path: /sql/1.0/warehouses/deadbeef00000000"}, TARGET),
    ],
    ids=["source", "target"],
)
def test_a_warehouse_that_does_not_exist(more: dict[str, str], host: str, refused: Refused) -> None:
    refused(
        configuration(**more),
        f"error: {host}: there is no such SQL warehouse: deadbeef00000000\n"
        "  check warehouse_id or http_path; without them a running warehouse is chosen\n",
    )


def test_a_missing_source_table(refused: Refused) -> None:
    refused(
        configuration(table="itemz"),
        "error: replicator.yaml:21:33: the source has no table `shop.orders.itemz`, did you mean `items`?\n",
    )


def test_a_target_table_that_is_not_ours(refused: Refused) -> None:
    refused(
        configuration(copy="taken"),
        "error: 1 of 8 actions is held back:\n"
        "         target:clone/taken.orders.items (replicator.yaml:21): "
        "exists and is not managed by this deployment [OW102]\n"
        "  choose another name, or take it over with lifecycle: {on_existing: import}\n"
        "  or leave them out: --skip-blocked\n",
        code=4,
    )


def test_nobody_to_ask(attempt: Attempt) -> None:
    attempt.write(configuration())
    ended = attempt.run("apply")
    plan_id = ended.stdout.partition("Plan ")[2][:8]
    assert ended.stderr == (
        "error: apply asks before it changes something, and there is nobody to ask\n"
        f"  approve this very plan with --expect {plan_id}, or any plan with --yes\n"
    )
    assert ended.returncode == 64
