"""What a plugin may import: every name is there, and none costs torch before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unmixcli import plugin


def test_every_name_is_there() -> None:
    assert sorted(plugin.__all__) == sorted(set(plugin.__all__))
    for name in plugin.__all__:
        assert getattr(plugin, name) is not None
    with pytest.raises(AttributeError, match="'Nonsense'"):
        plugin.Nonsense  # noqa: B018


def test_torch_is_imported_when_a_name_needs_it() -> None:
    code = (
        "import sys, unmixcli.plugin as plugin\n"
        "assert 'torch' not in sys.modules\n"
        "plugin.SegmentedModel\n"
        "assert 'torch' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
