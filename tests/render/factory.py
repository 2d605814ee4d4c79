"""Plans of 1, 50 and 5,000 actions, as the planner would make them, written down as plain data."""

from collections.abc import Iterable
from typing import Any

from replicator.engine.actions import (
    Action,
    Block,
    Cause,
    Change,
    ConfigRef,
    DeclaredAt,
    Do,
    Estimate,
    Notice,
    Plan,
    Precondition,
    Reason,
    Risk,
    SideRef,
    StateRef,
)
from replicator.resources.base import Effect

GIB = 1024**3


def change(
    *path: str,
    before: Any = None,
    after: Any = None,
    cause: Cause = Cause.CONFIG,
    effect: Effect = Effect.UPDATE,
    lossy: bool = False,
) -> Change:
    applied = after if cause is Cause.DRIFT else before
    return Change(path=path, applied=applied, before=before, after=after, cause=cause, effect=effect, lossy=lossy)


def action(address: str, do: Do, *changes: Change, **rest: Any) -> Action:
    given: dict[str, Any] = {
        "cause": Cause.CONFIG,
        "reason": Reason.NOT_PRESENT if do is Do.CREATE else Reason.FIELDS_DIFFER,
        "precondition": Precondition(exists=do is not Do.CREATE),
        **rest,
    }
    return Action(address=address, do=do, changes=changes, **given)


def plan(actions: Iterable[Action] = (), *, unchanged: int = 0, notices: Iterable[Notice] = (), **rest: Any) -> Plan:
    listed = tuple(actions)
    given: dict[str, Any] = {
        "replicator_version": "0.1.0",
        "plan_id": "1be70c55" + "0" * 56,
        "environment": "prod",
        "created_at": "",
        "config": ConfigRef(hash="sha256:9f3c2a1" + "0" * 57, root="deploy/prod"),
        "state": StateRef(lineage="11111111-1111-4111-8111-111111111111", serial=41),
        "metastores": {
            "source": side("aws:us-east-1:7b1c9d2e-0000-4000-8000-000000000001", objects=4311, calls=1204, seconds=9.8),
            "target": side("azure:eastus2:0f44aa31-0000-4000-8000-000000000002", objects=4290, calls=611, seconds=6.2),
        },
        "applyable": bool(listed) and not any(item.blocked for item in listed),
        "summary": {},
        **rest,
    }
    return Plan(actions=listed, unchanged=unchanged, notices=tuple(notices), **given)


def side(global_id: str, **cost: Any) -> SideRef:
    return SideRef(
        metastore_id=global_id.rpartition(":")[2],
        global_id=global_id,
        host="https://example.cloud.databricks.com",
        principal="replicator-ci",
        **cost,
    )


def one() -> Plan:
    """Somebody edited a comment in the UI."""
    edited = change("comment", before="edited in the UI", after="Sales marts", cause=Cause.DRIFT)
    return plan(
        [
            action(
                "target:schema/main.sales",
                Do.UPDATE,
                edited,
                cause=Cause.DRIFT,
                declared_at=DeclaredAt(file="catalogs/main.yaml", line=42),
            )
        ],
        unchanged=310,
    )


def fifty() -> Plan:
    """A first apply of one schema: everything is new, but for a catalog that is there."""
    source, target = "main.sales", "sales_dr.sales"
    tables = [f"t_{number:02d}" for number in range(21)]
    actions = [
        action("source:recipient/dr", Do.CREATE, change("metastore_id", after="azure:eastus2:0f44aa31")),
        action("source:share/main", Do.CREATE, *(change("objects", f"TABLE:{source}.{t}", after={}) for t in tables)),
        action(
            "source:grants/share/main",
            Do.CREATE,
            change("privileges", "dr", after={"SELECT": True}, effect=Effect.UPDATE),
            depends_on=("source:recipient/dr", "source:share/main"),
        ),
        action(
            "target:provider/aws:us-east-1:7b1c9d2e",
            Do.CHECK,
            reason=Reason.EXPECTED_SOON,
            message="appears by itself once the share is granted",
            depends_on=("source:grants/share/main",),
        ),
        action(
            "target:catalog/main_shared",
            Do.CREATE,
            change("share_name", after="main"),
            depends_on=("target:provider/aws:us-east-1:7b1c9d2e",),
        ),
        action(
            "target:catalog/sales_dr",
            Do.IMPORT,
            cause=Cause.IMPORT,
            reason=Reason.EXISTS_UNMANAGED,
            message="exists already; will be managed from now on",
        ),
        action(
            f"target:schema/{target}",
            Do.CREATE,
            change("comment", after="Sales marts"),
            depends_on=("target:catalog/sales_dr",),
        ),
    ]
    actions.append(action("target:schema/sales_dr.checks", Do.CREATE, depends_on=("target:catalog/sales_dr",)))
    for number, name in enumerate(tables):
        actions.append(
            action(
                f"target:clone/{target}.{name}",
                Do.CREATE,
                change("source", after=f"main_shared.sales.{name}"),
                moves_data=True,
                message="never copied",
                estimate=Estimate(bytes=(number + 1) * GIB, files=number + 1, source_version=number),
                depends_on=("target:catalog/main_shared", f"target:schema/{target}"),
            )
        )
    actions += [check(f"{target}.{name}") for name in tables]
    return plan(
        actions,
        notices=[Notice(code="NOTE", message="schema main.sales is shared table by table: it has tables of pipelines")],
    )


def check(name: str) -> Action:
    return action(f"target:check/{name}", Do.CHECK, reason=Reason.NOT_VERIFIED, depends_on=(f"target:clone/{name}",))


def five_thousand() -> Plan:
    """A large deployment on a bad day: dangers, blocks, drift, a new region and the nightly sync."""
    return plan(
        [*_blocked(), *_dangers(), *_creates(), *_updates(), *_syncs(), *map(check, _replicas(512))], unchanged=3288
    )


def _blocked() -> list[Action]:
    return [
        action(
            "target:table/main.sales.legacy_orders",
            Do.DELETE,
            cause=Cause.REMOVED,
            reason=Reason.NOT_IN_CONFIG,
            risk=Risk.DATA_LOSS,
            blocked=(
                Block(
                    code="PR101",
                    message="is protected (recorded in state)",
                    release="replicator state unprotect 'target:table/main.sales.legacy_orders'",
                ),
            ),
        ),
        action(
            "target:schema/main.raw",
            Do.REPLACE,
            change("storage_root", before="s3://old/raw", after="s3://new/raw", effect=Effect.REPLACE),
            reason=Reason.IMMUTABLE_FIELD,
            risk=Risk.DATA_LOSS,
            blocked=(
                Block(
                    code="DL201",
                    message="storage_root cannot be changed in place; replacing drops the schema and all it holds",
                    release="replicator apply --allow-destroy 'target:schema/main.raw'",
                ),
            ),
        ),
    ]


def _dangers() -> list[Action]:
    removed = {"cause": Cause.REMOVED, "reason": Reason.NOT_IN_CONFIG}
    revoked = [
        change("privileges", "contractors", name, before=True, cause=Cause.DRIFT, lossy=True)
        for name in ("SELECT", "USE_SCHEMA")
    ]
    return [
        action("source:share/q3_pilot", Do.DELETE, risk=Risk.ACCESS_LOSS, **removed),
        action("source:recipient/acme_pilot", Do.DELETE, risk=Risk.ACCESS_LOSS, **removed),
        action("target:catalog/q3_pilot_shared", Do.DELETE, **removed),
        action("target:grants/schema/main.sales", Do.UPDATE, *revoked, cause=Cause.DRIFT, risk=Risk.ACCESS_LOSS),
    ]


def _replicas(number: int) -> list[str]:
    return [f"sales_dr.s{index % 12:02d}.t{index:04d}" for index in range(number)]


def _creates() -> list[Action]:
    return [
        action("target:catalog/sales_dr", Do.CREATE),
        *(
            action(f"target:schema/sales_dr.s{number:02d}", Do.CREATE, depends_on=("target:catalog/sales_dr",))
            for number in range(12)
        ),
        *(
            action(
                f"target:clone/{name}",
                Do.CREATE,
                change("source", after=f"shared.{name}"),
                moves_data=True,
                estimate=Estimate(bytes=(number % 97) * GIB // 8, files=number % 9, source_version=3),
                depends_on=(f"target:schema/{name.rpartition('.')[0]}",),
            )
            for number, name in enumerate(_replicas(4163))
        ),
        *(
            action(
                f"target:grants/schema/sales_dr.s{number:02d}",
                Do.CREATE,
                change("privileges", "bi", "SELECT", after=True),
            )
            for number in range(3)
        ),
    ]


def _updates() -> list[Action]:
    feed = change("properties", "delta.enableChangeDataFeed", after="true")
    access = [change("privileges", "analysts", name, after=True) for name in ("SELECT", "USE_SCHEMA")]
    return [
        *(action(f"target:table/ops_dr.s{n % 7}.t{n:03d}", Do.UPDATE, feed) for n in range(187)),
        *(action(f"target:grants/schema/ops_dr.s{n:02d}", Do.UPDATE, *access) for n in range(11)),
        *(
            action(f"target:schema/ops_dr.s{n:02d}", Do.UPDATE, change("comment", before="", after=f"Schema {n}"))
            for n in range(7)
        ),
        action(
            "target:table/crm_dr.crm.account",
            Do.UPDATE,
            change("columns", "score", after={"type": "double"}, effect=Effect.ADDITIVE),
            change("comment", before="x" * 90, after="y" * 90),
        ),
        action(
            "source:schema/main.sales",
            Do.UPDATE,
            change("owner", before="ana@corp", after="data-platform", effect=Effect.OWNER),
        ),
    ]


def _syncs() -> list[Action]:
    return [
        action(
            f"target:clone/ops_dr.s{number % 7}.c{number:03d}",
            Do.SYNC,
            cause=Cause.LAG,
            reason=Reason.SOURCE_ADVANCED,
            message=f"{number % 41 + 1} versions behind",
            moves_data=True,
            estimate=Estimate(versions=number % 41 + 1, bytes=GIB // 7, source_version=50),
        )
        for number in range(96)
    ]
