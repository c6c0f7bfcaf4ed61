"""What every family needs to start: not PyTorch's compiler, whose import takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from running import environment

pytest.importorskip("demucs")
pytest.importorskip("bs_roformer")
pytest.importorskip("pymss_core")

from fuzz import models

SEPARATE = """
import sys
import numpy as np
import unmixcli

for model in sys.argv[1:]:
    unmixcli.Separator(model=model, device="cpu").separate(np.zeros((20000, 2), np.float32), 44100)
    assert "torch._dynamo" not in sys.modules, model
"""


def test_no_family_imports_the_compiler(tmp_path: Path) -> None:
    names = [options[1] for options in models.write(tmp_path)]
    assert len(names) == 10
    command = [sys.executable, "-W", "ignore", "-c", SEPARATE, *names]
    run = subprocess.run(
        command,
        env=environment() | {"UNMIX_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
