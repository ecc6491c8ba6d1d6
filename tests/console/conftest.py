"""Who looks at the pages of the module's `server`: its account "test", and its operator "root"."""

from __future__ import annotations

import pytest

from console.visiting import Visitor, signed_in
from running import Running


@pytest.fixture(scope="module")
def account(server: Running) -> Visitor:
    return signed_in(server.address, server.data_dir, "--account", "test")


@pytest.fixture(scope="module")
def operator(server: Running) -> Visitor:
    return signed_in(server.address, server.data_dir, "--operator", "root")
