"""Work in a process of its own: results, errors, and what happens when it dies."""

from __future__ import annotations

import asyncio
import os

import pytest

from flywheel_pipeline.adapters.process import OwnProcess, ProcessDiedError

COVERS = ("adapters/process/__init__.py",)


def test_a_process_that_dies_fails_its_work_and_the_next_work_gets_another() -> None:
    async def work() -> tuple[str, int]:
        process = OwnProcess()
        try:
            before = await process.run(os.getpid)
            with pytest.raises(ValueError, match="invalid literal"):
                await process.run(int, "x")
            assert await process.run(os.getpid) == before
            with pytest.raises(ProcessDiedError):
                await process.run(os._exit, 1)
            return await process.run(str, 7), before
        finally:
            process.close()

    found, before = asyncio.run(work())
    assert found == "7" and before != os.getpid()
