"""What tests need of a machine: where it is not there they are left out, or fail where everything must be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def leave_out(why: str) -> NoReturn:
    """Skip the test, or the module that is being loaded; fail under CI, or where `HONGSHU_TEST_REQUIRE_ALL` is set."""
    if everything_is_required():
        pytest.fail(why, pytrace=False)
    pytest.skip(why, allow_module_level=True)


def everything_is_required() -> bool:
    """Say whether what is not there fails a test."""
    return bool({"CI", "HONGSHU_TEST_REQUIRE_ALL"} & set(os.environ))
