"""A script that uses the library is checked as strictly as mypy can, right and wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="needs pip install '.[dev]'")

ROOT = Path(__file__).parents[1]

RIGHT = """
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import assert_type

import unmixcli

separator = unmixcli.Separator(
    model="umxhq", targets=["vocals"], niter=0, device=torch.device("cpu"), outdir=Path("stems")
)
array = np.zeros((44100, 2), np.int16)
assert_type(separator.separate(array, 44100), dict[str, NDArray[np.float32]])
tensor = torch.zeros(4, 2, 44100)
assert_type(separator.separate(tensor, 44100, channels_first=True), dict[str, torch.Tensor])
assert_type(separator.stream(Path("a.wav")), Iterator[dict[str, NDArray[np.float32]]])
track = separator.separate_file("song.flac", lambda stage, fraction: print(stage, fraction))
assert_type(track.stems["vocals"], Path)
assert_type([card.targets for card in unmixcli.list_models()], list[tuple[str, ...]])
assert_type(unmixcli.separate(array, ["vocals"], sample_rate=22050)["vocals"], NDArray[np.float32])
config = unmixcli.SeparationConfig.parse(model="umxhq")
assert_type(unmixcli.Separator(config).stem_names, tuple[str, ...])
assert_type(unmixcli.__version__, str)
"""

WRONG = {
    "unmixcli.Separator(nitre=0)": '"nitre"',
    'unmixcli.Separator(format="m4b")': '"format"',
    "unmixcli.Separator(effort=1)": '"effort"',
    "unmixcli.Separator().separate(np.zeros(3))": "No overload variant",
    "unmixcli.list_models()[0].nothing": '"nothing"',
}


def mypy(folder: Path, text: str) -> tuple[int, str]:
    script = folder / "script.py"
    script.write_text(text)
    command = ["--strict", "--config-file", os.devnull, "--cache-dir", str(folder / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *command, "--follow-imports=silent", str(script)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
    )
    return done.returncode, done.stdout + done.stderr


def test_the_library_is_typed(tmp_path: Path) -> None:
    """One run for the right lines and the wrong ones, for mypy takes its time."""
    wrong = "import numpy as np\nimport unmixcli\n" + "\n".join(WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    code, out = mypy(tmp_path, wrong + "\nimport right\n")
    assert code == 1, out
    for line, words in enumerate(WRONG.values(), 3):
        assert any(f"script.py:{line}:" in o and words in o for o in out.splitlines()), out
    code, out = mypy(tmp_path, RIGHT)
    assert code == 0, out
