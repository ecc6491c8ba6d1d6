"""What a server is checked for, in this order."""

from typing import Final

from hongshu.conformance.base import Check
from hongshu.conformance.checks import http, keys, money, pages, parameters, tokens, whole

CHECKS: Final[tuple[Check, ...]] = (
    *pages.CHECKS,
    *parameters.CHECKS,
    *tokens.CHECKS,
    *http.CHECKS,
    *keys.CHECKS,
    *money.CHECKS,
    *whole.CHECKS,
)
"""Checks about all answers stand last."""
