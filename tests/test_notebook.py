"""docs/notebook.ipynb, run in a kernel as a person runs it; and its stop button."""

import os
import threading
import time

import pytest
from conftest import ROOT, cache_in

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
TINY = 'settings = {"size": 48, "steps": 4, "backbone": "wavelet", "threads": 1, "trainer": {"accelerator": "cpu"}}'
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of zmq and the event loop


def client(cells: list[str], folder, **options):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    os.environ["NST_CACHE"] = str(cache_in(folder))
    return nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, **options
    )


def shown(cell, kind: str) -> list[str]:
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def test_the_notebook_of_the_docs_runs(tmp_path):
    stored = nbformat.read(ROOT / "docs/notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in stored.cells)
    cells = [cell.source for cell in stored.cells if cell.cell_type == "code"]
    first = cells[0].partition("settings =")[0] + TINY
    done = client([first, *cells[1:]], tmp_path).execute()
    painted = done.cells[1]
    assert len(shown(painted, "image/png")) == 1  # the result
    assert any("final.png" in out or "finished" in out for out in shown(painted, "text/html"))
    assert "4 steps:" in done.cells[3].outputs[-1].text
    assert "swirling_night" in shown(done.cells[4], "text/html")[-1]


def test_the_stop_button_keeps_the_picture(tmp_path):
    endless = "import nst\n" + TINY.replace('"steps": 4', '"steps": 100000') + '\nnst.paint(folder="run", **settings)'
    running = client([endless], tmp_path, allow_errors=True)

    def stop():
        deadline = time.monotonic() + 200
        while not (tmp_path / "run/config.yaml").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(4)
        os.kill(running.km.provisioner.pid, 2)  # what a front end's stop button sends

    button = threading.Thread(target=stop)
    button.start()
    done = running.execute()
    button.join()
    errors = [output for output in done.cells[0].outputs if output.output_type == "error"]
    assert [error.ename for error in errors] == ["Stopped"]
    assert "partial.png" in errors[0].evalue
    assert (tmp_path / "run/partial.png").is_file()
    assert any("<progress" in out or "interrupted" in out for out in shown(done.cells[0], "text/html"))
