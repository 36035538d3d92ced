"""What a database has spent is also what its processes have spent that have ended."""

import asyncio
import shutil
from pathlib import Path

from bench.programs import postgres_cpu

ENDS_A_CHILD = "(for i in {1..60000}; do :; done); echo ended; read -r _"


async def test_the_processor_time_of_a_process_that_has_ended_is_counted(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres"
    cluster.mkdir()
    bash = shutil.which("bash")
    assert bash is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "postgres").symlink_to(bash)
    process = await asyncio.create_subprocess_exec(
        tmp_path / "bin" / "postgres", "-c", ENDS_A_CHILD, cwd=cluster,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ended\n"
    spent = postgres_cpu(tmp_path)
    process.stdin.close()
    await process.wait()
    assert spent > 0.01
