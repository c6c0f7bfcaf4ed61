import numpy as np
import pytest

from unmixcli.models.roformer.mel import mel_table


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("n_fft", [512, 1024, 2048, 4096])
@pytest.mark.parametrize("bands", [8, 24, 40, 60, 64, 90])
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_table_is_librosas(sample_rate: int, n_fft: int, bands: int) -> None:
    librosa = pytest.importorskip("librosa")
    weights = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=bands)
    weights[0, 0] = weights[-1, -1] = 1
    np.testing.assert_array_equal(mel_table(sample_rate, n_fft, bands), weights > 0)


def test_published_bands() -> None:
    table = mel_table(44100, 2048, 60)
    assert table.shape == (60, 1025)
    assert table[0, 0]
    assert table[-1, -1]
    assert table.any(0).all()  # every bin has a band
    assert (table.sum(0) <= 2).all()  # and two at most
