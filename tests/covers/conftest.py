"""A host of images for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from covers.cdn import Cdn


@pytest.fixture
async def cdn() -> AsyncIterator[Cdn]:
    """A host of images on this machine."""
    host = Cdn()
    await host.start()
    yield host
    await host.close()
