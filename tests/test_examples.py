"""Every example runs and makes a picture."""

import runpy
from pathlib import Path

import matplotlib
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


def test_examples__are_found():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples__run_and_draw(path, monkeypatch, tmp_path):
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyplot, "show", lambda: shown.extend(pyplot.get_fignums()))
    try:
        runpy.run_path(str(path), run_name="__main__")
        assert shown
        for number in shown:
            figure = pyplot.figure(number)
            figure.savefig(tmp_path / f"{number}.png")
            for ax in figure.axes:
                assert ax.has_data(), "an empty panel"
                assert ax.get_ylabel(), "an axis without a label"
    finally:
        pyplot.close("all")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png"] * len(shown)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples__have_a_header_and_one_idea(path):
    lines = path.read_text().splitlines()
    assert lines[0] == '"""'
    assert lines[2] == "=" * len(lines[1]), "sphinx-gallery needs a title"
    assert 20 <= len(lines) <= 75
