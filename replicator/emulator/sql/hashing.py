"""Spark's hashes on the engine's own: values differ, what they mean of NULL does not."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from replicator.emulator.sql.nodes import TO_INTEGER, call, cast, plain


def hashed(macro: str) -> Callable[[exp.Expr], exp.Expr]:
    """The rewriting of a hash of Spark's, which skips NULLs, to the macro that does the same."""

    def rewrite(node: exp.Expr) -> exp.Expr:
        hashes = [_hash_one(item) for item in node.expressions]
        listed = call(macro, exp.Array(expressions=hashes))
        return _hashed_fast(macro, node.expressions, listed) or listed

    return rewrite


def _hash_one(item: exp.Expr) -> exp.Expr:
    """A macro repeats its argument's text: nested collections would grow with every level."""
    if _never_null(item):
        return plain("hash", item.copy())
    return call("sp_hash_nested" if item.find(exp.Lambda) else "sp_hash_one", item.copy())


def _hashed_fast(macro: str, items: list[exp.Expr], listed: exp.Expr) -> exp.Expr | None:
    """Rows without NULL need no list: several times faster. Only for plain arguments, whose text is repeated.

    The engine's hash of several arguments is its hash of the list of them, so that both ways give one value.
    """
    if any(item.find(exp.Lambda, exp.Array) for item in items):
        return None
    marked = set().union(*map(_marked_null, items))
    is_list: exp.Expr | None = None
    for item in items:
        if _never_null(item):
            continue
        test: exp.Expr = call("sp_is_map", item.copy())
        if _without_casts(item).sql() not in marked:
            test = exp.Or(this=test, expression=exp.Is(this=item.copy(), expression=exp.Null()))
        is_list = test if is_list is None else exp.Or(this=is_list, expression=test)
    hashes = [plain("hash", item.copy()) for item in items if not _is_redundant(item, items)]
    short = call(f"{macro}_of", plain("hash", cast(exp.Literal.number(_SEED), "UBIGINT"), *hashes))
    if is_list is None:
        return short
    return exp.Case(ifs=[exp.If(this=is_list, true=listed)], default=short)


def _is_redundant(item: exp.Expr, items: list[exp.Expr]) -> bool:
    """Whether an argument only tells of NULLs among the others, which the engine's hash, unlike Spark's, tells by
    itself: it gives a NULL a hash of its own, at its place. Only where no other argument may be a NULL that is skipped.
    """
    marked = _marked_null(item)
    others = [other for other in items if other is not item]
    known = {_without_casts(other).sql() for other in others}
    return bool(marked) and marked <= known and all(_never_null(o) or _without_casts(o).sql() in marked for o in others)


def _marked_null(item: exp.Expr) -> set[str]:
    """What an argument that is a bitmap of NULLs, `if(a IS NULL, 1, 0) + if(b IS NULL, 2, 0) + …`, tells of.

    Where one argument says whether another is NULL, skipping that NULL cannot make two lists of arguments equal, so
    that the row needs no list.
    """
    found: dict[str, str] = {}
    for term in _summands(item):
        match _branches(term):
            case (exp.Is(this=tested, expression=exp.Null()), exp.Literal() as bit, exp.Literal(this="0")):
                if not bit.is_int or int(bit.name).bit_count() != 1 or bit.name in found:
                    return set()
                found[bit.name] = tested.sql()
            case _:
                return set()
    return set(found.values())


def _summands(item: exp.Expr) -> list[exp.Expr]:
    item = _without_casts(item)
    return [*_summands(item.this), *_summands(item.expression)] if isinstance(item, exp.Add) else [item]


def _without_casts(item: exp.Expr) -> exp.Expr:
    """What is cast: NULL exactly where the cast is, for a cast that fails raises."""
    while isinstance(item, exp.Cast | exp.Paren) or (isinstance(item, exp.Anonymous) and item.name in TO_INTEGER):
        if isinstance(item, exp.TryCast):
            return item
        item = item.expressions[0] if isinstance(item, exp.Anonymous) else item.this
    return item


def _branches(node: exp.Expr) -> tuple[exp.Expr | None, exp.Expr | None, exp.Expr | None]:
    """Condition, value and other value of an IF, or of a CASE with one WHEN; thrice None for anything else."""
    if isinstance(node, exp.If):
        return node.this, node.args.get("true"), node.args.get("false")
    if isinstance(node, exp.Case) and node.this is None and len(node.args["ifs"]) == 1:
        only = node.args["ifs"][0]
        return only.this, only.args.get("true"), node.args.get("default")
    return None, None, None


_SEED = 42
_HASHES = frozenset({"sp_xxhash64", "sp_hash32", "sp_xxhash64_of", "sp_hash32_of"})


def _never_null(node: exp.Expr) -> bool:
    """Whether an expression is known to have a value in every row."""
    if isinstance(node, exp.Is | exp.Literal | exp.Boolean):
        return True
    if isinstance(node, exp.Paren | exp.Not | exp.Neg | exp.Cast):
        return _never_null(node.this)
    if isinstance(node, exp.Add):
        return _never_null(node.this) and _never_null(node.expression)
    if isinstance(node, exp.If):
        return all(part is not None and _never_null(part) for part in _branches(node)[1:])
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return (
            default is not None
            and _never_null(default)
            and all(_never_null(item.args["true"]) for item in node.args["ifs"])
        )
    if isinstance(node, exp.Coalesce):
        return any(_never_null(item) for item in (node.this, *node.expressions))
    if not isinstance(node, exp.Anonymous):
        return False
    return node.name in _HASHES or (node.name in TO_INTEGER and _never_null(node.expressions[0]))
