"""For authors: what in a lesson is made from something else: its table of facts, and its outputs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lambdacourse.course.prose import facts_table
from lambdacourse.folders import cache_folder

FACTS_TITLE = "## Facts used here"
KEPT = ("text/plain", "text/html", "image/png", "text/markdown", "text/latex")
CELL_SECONDS = 300


def refresh(
    root: Path, names: Sequence[str] = (), keep: bool = True, tell: Callable[[str, float], None] = lambda name, seconds: None
) -> list[str]:
    """Make the lessons in ``root`` again, or only those with ``names``; gives those whose table of facts was out of date.

    With ``keep`` they are run and written, and ``tell`` hears how many seconds each took; without, nothing changes.
    """
    stale = []
    for path in sorted((root / "lessons").glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        old = path.read_text(encoding="utf-8")
        new = with_facts(json.loads(old))
        if written(new) != written(json.loads(old)):
            stale.append(f"lessons/{path.name}")
        if keep:
            start = time.perf_counter()
            path.write_text(written(run(new, path.parent)), encoding="utf-8", newline="\n")
            tell(path.stem, time.perf_counter() - start)
    return stale


def with_facts(notebook: dict[str, Any]) -> dict[str, Any]:
    """``notebook`` with its table of facts made again."""
    for cell in notebook["cells"]:
        if "".join(cell["source"]).startswith(FACTS_TITLE):
            table = facts_table(notebook)
            cell["source"] = f"{FACTS_TITLE}\n\n{table}".splitlines(keepends=True)
    return notebook


def run(notebook: dict[str, Any], folder: Path) -> dict[str, Any]:
    """``notebook`` with the outputs of a run, as a new learner would get them."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    node = nbformat.reads(json.dumps(notebook), as_version=4)
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(cache_folder(), Path(home) / "cache")  # what is compiled already need not be compiled for each lesson
        environment = {**os.environ, "LAMBDACOURSE_HOME": home, "LAMBDACOURSE_LEARNER": "you", "TQDM_DISABLE": "1"}
        client = NotebookClient(
            node,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            coalesce_streams=True,  # or what is printed is cut where the kernel happened to send it
            config=Config(KernelManager={"transport_encryption": "auto"}),  # without it, each kernel warns of listeners
        )
        client.execute(env=environment)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            looks_around = "check_environment()" in cell.source  # what it finds is the reader's, not the author's
            kept = [] if looks_around else map(_without_widgets, cell.outputs)
            cell.outputs = [output for output in kept if output is not None]
    node.metadata.pop("widgets", None)
    node.metadata.language_info = {"name": "python"}
    return json.loads(nbformat.writes(node))


def written(notebook: dict[str, Any]) -> str:
    """A notebook as it stands in a file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _without_widgets(output: Any) -> Any:
    """``output`` without what only a running kernel can show; None when nothing is left."""
    if output.output_type in ("display_data", "execute_result"):
        output.data = {kind: value for kind, value in output.data.items() if kind in KEPT}
        output.metadata = {}
        return output if output.data else None
    return output
