"""What DuckDB reads becomes what Spark reads; that both answer alike is asked in test_spark."""

import pytest

from needed import leave_out

try:
    import sqlglot
except ImportError:
    leave_out("sqlglot is not installed")

from hongshu.analytics.questions import DEFAULTS, VIEWS, names, sql
from hongshu.analytics.translation import translated

HALF = "CAST(0.5 AS DOUBLE)"
BY_ZERO = "CAST('Infinity' AS DOUBLE) * SIGN(a)"


def told(expression: str) -> str:
    return translated(f"SELECT {expression}").removeprefix("SELECT ")


@pytest.mark.parametrize(
    ("duck", "spark"),
    [
        ("median(a)", f"PERCENTILE(a, {HALF})"),
        ("quantile_cont(a, 0.25)", "PERCENTILE(a, CAST(0.25 AS DOUBLE))"),
        (
            "median(a) OVER (ORDER BY b ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)",
            f"PERCENTILE(a, {HALF}) OVER (ORDER BY b NULLS LAST ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)",
        ),
        ("count(*) FILTER (WHERE a)", "COUNT(*) FILTER(WHERE a)"),
        ("a // 7", "a DIV 7"),
        ("2 * mod(a // 7 + 3, 7)", "2 * MOD((a DIV 7 + 3), 7)"),
        ("a / 7", "a / 7"),
        ("a / nullif(b, 0)", "a / NULLIF(b, 0)"),
        ("a / b", f"IF(b = 0, {BY_ZERO}, a / b)"),
        ("a / 0", f"IF(0 = 0, {BY_ZERO}, a / 0)"),
        ("median(a / b)", f"PERCENTILE(IF(b = 0, {BY_ZERO}, a / b), {HALF})"),
        ("1.5 * a", "CAST(1.5 AS DOUBLE) * a"),
        ("CAST(a AS BIGINT)", "CAST(BROUND(a) AS BIGINT)"),
        ("CAST(floor(a) AS BIGINT)", "CAST(FLOOR(a) AS BIGINT)"),
        ("CAST(a AS DOUBLE)", "CAST(a AS DOUBLE)"),
        ("list_contains(a, b)", "ARRAY_CONTAINS(ARRAY_COMPACT(a), b)"),
        ("list_extract(a, b)", "TRY_ELEMENT_AT(a, CAST(NULLIF(b, 0) AS INT))"),
        ("array_agg(a)", "COLLECT_LIST(NAMED_STRUCT('value', a)).value"),
        (
            "array_agg(a ORDER BY b)",
            "SORT_ARRAY(COLLECT_LIST(NAMED_STRUCT('by_0', b IS NULL, 'by_1', b, 'value', a))).value",
        ),
        ("regexp_matches(a, '合作|ads')", "a RLIKE '合作|ads'"),
        ("regexp_matches(a, '\\d', 'i')", "a RLIKE CONCAT('(?i)', '\\\\d')"),
        ("'it''s'", "'it\\'s'"),
    ],
)
def test_an_expression_means_the_same_in_spark(duck: str, spark: str) -> None:
    assert told(duck).casefold() == spark.casefold()


@pytest.mark.parametrize(
    ("duck", "spark"),
    [
        ("SELECT a FROM b ORDER BY a, c DESC", "SELECT a FROM b ORDER BY a NULLS LAST, c DESC"),
        ("FROM (VALUES (1, 2)) AS v(a, b)", "SELECT * FROM VALUES (1, 2) AS v(a, b)"),
        (
            "SELECT u.tag FROM b CROSS JOIN unnest(b.a) AS u(tag)",
            "SELECT u.tag FROM b LATERAL VIEW EXPLODE(b.a) u AS tag",
        ),
        ("-- a comment\nSELECT 1", "SELECT 1"),
    ],
)
def test_a_query_means_the_same_in_spark(duck: str, spark: str) -> None:
    assert translated(duck) == spark


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("array_agg(a ORDER BY b DESC)", "ascending order only"),
        ("array_agg(DISTINCT a)", "ascending order only"),
        ("array_agg(a ORDER BY b) FILTER (WHERE c)", "without FILTER and OVER"),
        ("array_agg(a) OVER (PARTITION BY b)", "without FILTER and OVER"),
        ("a[b]", "write list_extract"),
        ("regexp_matches(a, 'b', 'g')", "flags i and s only"),
        ("a FROM", "not translated for Spark: "),
    ],
)
def test_what_would_mean_something_else_is_refused_with_a_reason(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        told(expression)


@pytest.mark.parametrize("question", [*VIEWS, *names()])
def test_every_question_is_translated_into_what_spark_reads(question: str) -> None:
    spark = translated(sql(question, {**DEFAULTS, "since_ms": 0, "until_ms": 1, "times_median": 2.5}))
    assert sqlglot.parse_one(spark, read="spark")
    assert "--" not in spark
    assert "/*" not in spark
