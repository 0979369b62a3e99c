"""How a notebook is opened in JupyterLab, and when it is ready."""

from lambdacourse.bench.browser import LISTENS

SECONDS = 30


def open_on(page, lab, path: str):
    page.goto(f"{lab.address(f'lab/tree/{path}')}&reset")
    page.locator(".jp-Notebook").wait_for()
    wait_until_idle(page)
    page.evaluate(LISTENS)
    return page


def wait_until_idle(page) -> None:
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(timeout=60_000)
