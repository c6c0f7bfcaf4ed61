"""A set of stems and its record appear together, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import unmixcli
from batches import STEMS
from sounds import music, write_float
from unmixcli.errors import OutputError
from unmixcli.files.parts import Part


def test_a_set_that_cannot_be_completed_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    """The second of two stems appears meanwhile: the first does not stay behind, nor a record."""
    write_float(tmp_path / "song.wav", music(0.3))
    separator = unmixcli.Separator(
        model=str(tiny_model), targets=STEMS, outdir=tmp_path / "out", niter=0
    )
    real = Part.put

    def put(self: Part, final: Path, overwrite: bool) -> None:
        if final.name == "drums.wav":
            final.write_text("precious")
        real(self, final, overwrite)

    monkeypatch.setattr(Part, "put", put)
    with pytest.raises(OutputError, match=r"drums\.wav appeared during"):
        separator.separate_file(tmp_path / "song.wav")
    assert [path.name for path in (tmp_path / "out" / "song").iterdir()] == ["drums.wav"]
    assert (tmp_path / "out" / "song" / "drums.wav").read_text() == "precious"


def test_a_record_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    write_float(tmp_path / "song.wav", music(0.3))
    real = Path.write_text

    def full(self: Path, *arguments: Any, **named: Any) -> int:
        if "unmix.json" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    separator = unmixcli.Separator(
        model=str(tiny_model), targets=STEMS, outdir=tmp_path / "out", niter=0
    )
    with pytest.raises(OutputError, match=r"\.unmix\.json cannot be written: No space left"):
        separator.separate_file(tmp_path / "song.wav")
    assert not (tmp_path / "out").exists()
