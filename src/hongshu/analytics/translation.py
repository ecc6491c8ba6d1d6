"""The SQL of a question, from DuckDB's dialect into Spark's, so that both engines give the same answer. Pure.

It stands on sqlglot, an extra; `spark` imports it when it is opened. Where the text that sqlglot writes would be refused
by Spark, or would mean something else there, the tree is put right:

| DuckDB | in Spark |
|---|---|
| `median(x)`, `quantile_cont(x, q)`, over a frame too | `percentile(x, q)`, which interpolates alike; Spark's `median` takes no frame |
| `a / b` | the same, and by 0 infinite or not a number as in DuckDB: Spark alone would raise |
| `0.25` | a double: Spark divides decimals to decimals |
| `mod(a, b)` | stays a function: as `%` it would bind to what stands beside it |
| `CAST(x AS BIGINT)` | rounded before: Spark alone would cut off |
| `array_agg(x ORDER BY a, b)` | structs that are sorted, nulls last; an `x` that is null is kept |
| `list_extract(l, i)` | `try_element_at`, which is null where nothing stands |
| `list_contains(l, x)` | asks what is not null in `l`: Spark alone would answer null for false |
| `regexp_matches(s, p, 'i')` | the flag stands in the pattern |
| `ORDER BY x` | `NULLS LAST`, in windows too |

The rest is alike: both raise for `//` and `mod` by 0 and where integers overflow, cut `//` off toward 0, give `mod` the
sign of what is divided, and leave nulls out of `greatest`, `least` and `concat_ws`.

What differs, and what no question may hang on therefore:

| where | how |
|---|---|
| numbers with a fraction that are not doubles | 0.1 is a decimal in DuckDB and a double in Spark; rounding to an integer takes 2.5 to 3 and to 2 |
| numbers with a fraction as text | each engine writes them in its own way |
| `array_agg` without ORDER BY, ORDER BY that leaves rows equal | neither promises an order |
| patterns beyond what RE2 and Java have in common | each reads its own |
| `array_agg` with DESC, FILTER or OVER, `l[i]`, flags of patterns but i and s | not translated: `ValueError` |
"""  # noqa: E501 - tables, one member a line

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import sqlglot
from sqlglot import exp

_FLAGS: Final = frozenset("is")
_ZERO: Final = exp.Literal.number(0)


def translated(sql: str) -> str:
    """Return a query in DuckDB's dialect as Spark reads it; `ValueError` for what has no translation."""
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
        # from the leaves up: what a rule puts around a part holds parts that are right already
        for node in reversed(list(tree.dfs())):
            if rule := _RULES.get(type(node)):
                node.replace(rule(node.copy()))
        return tree.sql(dialect="spark", comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"not translated for Spark: {str(error).splitlines()[0]}") from error


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[one.copy() for one in arguments])


def _double(text: str) -> exp.Expr:
    return exp.cast(exp.Literal(this=text, is_string=not text[0].isdigit()), "double")


def _literal(node: exp.Literal) -> exp.Expr:
    return node if node.is_string or node.is_int else _double(node.name)


def _division(node: exp.Div) -> exp.Expr:
    number, divisor = node.this, node.expression
    if (isinstance(divisor, exp.Nullif) and divisor.expression == _ZERO) or (divisor.is_int and divisor != _ZERO):
        return node
    by_zero = exp.EQ(this=divisor.copy(), expression=_ZERO.copy())
    return _call("if", by_zero, exp.Mul(this=_double("Infinity"), expression=_call("sign", number)), node)


def _cast(node: exp.Cast) -> exp.Expr:
    whole = isinstance(node.this, exp.Floor | exp.Ceil | exp.Literal | exp.Null)
    if not whole and node.is_type(*exp.DataType.INTEGER_TYPES):
        node.set("this", _call("bround", node.this))
    return node


def _list(node: exp.ArrayAgg) -> exp.Expr:
    value, keys = node.this, []
    if isinstance(value, exp.Order):
        value, keys = value.this, value.expressions
    if any(one.args.get("desc") or one.args.get("nulls_first") for one in keys) or isinstance(value, exp.Distinct):
        raise ValueError("array_agg is translated for Spark in ascending order only, nulls last")
    members = [part for one in keys for part in (exp.Is(this=one.this.copy(), expression=exp.Null()), one.this)]
    names = [exp.Literal.string(f"by_{place}") for place in range(len(members))]
    named = [part for pair in zip(names, members, strict=True) for part in pair]
    listed = _call("collect_list", _call("named_struct", *named, exp.Literal.string("value"), value))
    return exp.Dot(this=_call("sort_array", listed) if keys else listed, expression=exp.to_identifier("value"))


def _contains(node: exp.ArrayContains) -> exp.Expr:
    return _call("array_contains", _call("array_compact", node.this), node.expression)


def _named(node: exp.Anonymous) -> exp.Expr:
    if node.name.lower() != "list_extract":
        return node
    listed, place = node.expressions
    return _call("try_element_at", listed, exp.cast(_call("nullif", place, _ZERO), "int"))


def _bracket(node: exp.Bracket) -> exp.Expr:
    raise ValueError(f"{node.sql(dialect='duckdb')} is not translated for Spark; write list_extract")


def _aggregate(node: exp.Filter | exp.Window) -> exp.Expr:
    if type(node.this) is exp.Dot:
        raise ValueError("array_agg is translated for Spark without FILTER and OVER only")
    return node


def _pattern(node: exp.RegexpLike) -> exp.Expr:
    if flag := node.args.get("flag"):
        if not flag.is_string or not _FLAGS.issuperset(flag.name):
            raise ValueError("regexp_matches is translated for Spark with the flags i and s only")
        node.set("flag", None)
        node.set("expression", exp.Concat(expressions=[exp.Literal.string(f"(?{flag.name})"), node.expression]))
    return node


_RULES: Final[Mapping[type[exp.Expr], Callable[..., exp.Expr]]] = {
    exp.Literal: _literal,
    exp.Div: _division,
    exp.Mod: lambda node: _call("mod", node.this, node.expression),
    exp.Cast: _cast,
    exp.Median: lambda node: _call("percentile", node.this, _double("0.5")),
    exp.PercentileCont: lambda node: _call("percentile", node.this, node.expression),
    exp.ArrayAgg: _list,
    exp.ArrayContains: _contains,
    exp.Anonymous: _named,
    exp.Bracket: _bracket,
    exp.Filter: _aggregate,
    exp.Window: _aggregate,
    exp.RegexpLike: _pattern,
}
