"""What a check can say, as data: verdicts, reasons, differences, and the report that holds them.

`docs/reconciliation.md` documents the JSON of these models. A verdict never claims more than was seen: whatever could
not be compared is UNVERIFIABLE or ERROR, never MATCH.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from replicator.errors import ExitCode


class Verdict(StrEnum):
    """One word per table. STALE: equal at the version that was copied, and the origin has moved on since."""

    MATCH = "MATCH"
    STALE = "STALE"
    MISMATCH = "MISMATCH"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    UNVERIFIABLE = "UNVERIFIABLE"
    ERROR = "ERROR"


class Why(StrEnum):
    """Why nothing can be said for certain about a table or a column, or that there is no copy at all."""

    MASKED = "masked"
    TYPE = "type"
    EXCLUDED = "excluded"
    ABSENT = "absent"
    VERSION_GONE = "version_gone"
    RECREATED = "recreated"
    ORIGIN_MISSING = "origin_missing"
    COPY_MISSING = "copy_missing"
    MOVING = "moving"
    FORBIDDEN = "forbidden"
    NOTHING_TO_COMPARE = "nothing_to_compare"


LASTING = frozenset({Why.VERSION_GONE, Why.TYPE, Why.ABSENT, Why.NOTHING_TO_COMPARE})
"""Reasons that hold until there is a new version or another definition of the check; all others may pass by themselves:
a permission is granted, a mask is dropped."""


class RowKind(StrEnum):
    """What is wrong with a row of the copy; duplicated: it occurs more often than in the origin."""

    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    DUPLICATED = "duplicated"


class SchemaKind(StrEnum):
    """Where two tables' definitions differ."""

    MISSING_COLUMN = "missing_column"
    EXTRA_COLUMN = "extra_column"
    TYPE = "type"
    NULLABILITY = "nullability"
    ORDER = "order"
    DEFAULT = "default"
    GENERATED = "generated"
    IDENTITY = "identity"
    COLUMN_COMMENT = "column_comment"
    TABLE_COMMENT = "table_comment"
    PARTITIONING = "partitioning"
    CLUSTERING = "clustering"
    CONSTRAINT = "constraint"
    OWNER = "owner"
    ROW_FILTER = "row_filter"
    MASK = "mask"
    PROPERTY = "property"
    TAG = "tag"
    COLUMN_TAG = "column_tag"
    GRANT = "grant"


AROUND = frozenset(
    {
        SchemaKind.OWNER,
        SchemaKind.ROW_FILTER,
        SchemaKind.MASK,
        SchemaKind.PROPERTY,
        SchemaKind.TAG,
        SchemaKind.COLUMN_TAG,
        SchemaKind.GRANT,
    }
)
"""What is compared beside the definition, from what bulk reads of both metastores say."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SchemaDifference(Model):
    """One difference of definition. `breaking` ones make the verdict SCHEMA_MISMATCH; `meaning` says why it matters.

    `column` names what differs inside the table: a column, a property, a tag, a column and its tag, a principal.
    """

    kind: SchemaKind
    column: str | None = None
    source: str | None = None
    target: str | None = None
    breaking: bool
    meaning: str


class UncomparedColumn(Model):
    """A column left out of the comparison: `excluded` by request, otherwise because it cannot be compared."""

    name: str
    why: Why
    detail: str = ""


class DifferenceCounts(Model):
    """Numbers of rows."""

    changed: int = 0
    missing: int = 0
    extra: int = 0
    duplicated: int = 0

    @property
    def total(self) -> int:
        return self.changed + self.missing + self.extra + self.duplicated


class ColumnDifference(Model):
    """A column that differs. `rows` counts changed rows among those that were looked at, None where columns were
    compared as a whole."""

    name: str
    rows: int | None = None


class RowDifference(Model):
    """One differing row: its key (column to text, only with a key), its hashes as hexadecimal digits, the columns that
    differ. `paired` marks rows without a key that were put together because they resemble each other. `source_values`
    and `target_values` are set only when values were asked for."""

    kind: RowKind
    key: dict[str, str | None] | None = None
    source_hash: str | None = None
    target_hash: str | None = None
    copies: int = 1
    columns: tuple[str, ...] = ()
    paired: bool = False
    source_values: dict[str, str | None] | None = None
    target_values: dict[str, str | None] | None = None


class SideResult(Model):
    """One side of a check: what was read, at which version, and the statements that read it.

    `by_hand` is the statement whose only row is the same on both sides when both tables are equal. It is shown to
    people and no part of the JSON.
    """

    table: str
    version: int | None = None
    current_version: int | None = None
    rows: int | None = None
    fingerprint: str | None = None
    cached: bool = False
    statements: tuple[str, ...] = ()
    seconds: float = 0.0
    by_hand: str = Field(default="", exclude=True)


class CheckResult(Model):
    """The verdict on one table and all that it rests on.

    `reason` is set with UNVERIFIABLE, and with MISMATCH where there is no copy; `message` is one sentence for people.
    `lag` counts the origin's commits since the copied version. `complete` is False when rows were not counted one by
    one (`buckets_differing` of `buckets` differ). `tolerated`: rows differ, but no more than the threshold allows.
    """

    table: str
    origin: str
    verdict: Verdict
    reason: Why | None = None
    message: str = ""
    notes: tuple[str, ...] = ()
    lag: int | None = None
    source: SideResult
    target: SideResult
    columns_compared: int = 0
    columns_total: int = 0
    uncompared: tuple[UncomparedColumn, ...] = ()
    schema_differences: tuple[SchemaDifference, ...] = ()
    key: tuple[str, ...] = ()
    hashing: str = ""
    buckets: int | None = None
    buckets_differing: int | None = None
    complete: bool = True
    differences: DifferenceCounts = DifferenceCounts()
    columns: tuple[ColumnDifference, ...] = ()
    rows: tuple[RowDifference, ...] = ()
    tolerated: bool = False
    seconds: float = 0.0
    fingerprints: dict[str, str] = Field(default_factory=dict)

    @property
    def equal(self) -> bool | None:
        """True: the copy is what was copied. False: it is not. None: nobody can tell."""
        return _EQUAL.get(self.verdict)

    @property
    def hopeless(self) -> bool:
        """Nothing can be said, and asking again about the same versions would only say so again."""
        return self.verdict is Verdict.UNVERIFIABLE and self.reason in LASTING

    @property
    def verified(self) -> list[int] | None:
        """The pair of versions this verdict vouches for (what was copied, the copy's newest commit), None when it
        vouches for nothing."""
        if not self.equal or self.source.version is None or self.target.version is None:
            return None
        return [self.source.version, self.target.version]


_EQUAL = {
    Verdict.MATCH: True,
    Verdict.STALE: True,
    Verdict.MISMATCH: False,
    Verdict.SCHEMA_MISMATCH: False,
}
_EXIT = (
    (Verdict.MISMATCH, ExitCode.CHANGES),
    (Verdict.SCHEMA_MISMATCH, ExitCode.CHANGES),
    (Verdict.ERROR, ExitCode.ERROR),
    (Verdict.UNVERIFIABLE, ExitCode.PARTIAL),
)


class Report(Model):
    """All checks of one run; times are ISO-8601 UTC.

    `declared` checks were asked for; when `sampled` names a draw, only some of them were run. `notices` are about the
    whole run: what could not be read, what was not kept. `statements` were asked of both sides in all, those that find
    out what there is and where it stands included.
    """

    format_version: Literal["1.0"] = "1.0"
    run_id: str
    environment: str = ""
    replicator_version: str = ""
    started_at: str
    finished_at: str
    declared: int = 0
    sampled: str | None = None
    notices: tuple[str, ...] = ()
    statements: int = 0
    summary: dict[Verdict, int]
    tables: tuple[CheckResult, ...]

    @property
    def exit_code(self) -> ExitCode:
        """2 a copy differs, 1 a check failed, 3 something could not be verified, 0 otherwise."""
        seen = {result.verdict for result in self.tables}
        return next((code for verdict, code in _EXIT if verdict in seen), ExitCode.OK)


def summarise(results: Iterable[CheckResult]) -> dict[Verdict, int]:
    """How many tables got each verdict, those that nobody got included."""
    counts = Counter(result.verdict for result in results)
    return {verdict: counts[verdict] for verdict in Verdict}
