# ruff: noqa: E402
"""Small checks of the training programme; they need no soundfont and no voice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from training.__main__ import main
from training.bands import BAND_OF_BIN, BANDS, BINS, EDGES
from training.blend import blend
from training.dataset import Mixer, MixOptions, validation_batch
from training.evaluate import global_sdr
from training.export import export, load
from training.filtering import expectation_maximisation, istft, separate, stft
from training.loss import FLOOR, SHARPNESSES, sdr, separation_loss, squared_errors
from training.mixing import example, spectra
from training.multitracks import import_multitracks, read_stereo, write_pieces
from training.network import JointOpenUnmix, Refinement, features_of, masks_of
from training.plot import plot
from training.recordings import import_recordings
from training.songs import Recordings, SongFolder
from training.train import Trainer, TrainOptions

PACKAGE = Path(__file__).parents[2] / "src" / "unmixcli"
SHIPPED = PACKAGE / "weights" / "umx-synth.safetensors"
DEMO = PACKAGE / "demo"

SMALL = TrainOptions(hidden=16, steps=4, warmup=2, validate_every=2, workers=0,
                     mix=MixOptions(frames=8, batch=2))  # fmt: skip


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Three songs of noise in different bands."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(3):
        noise = rng.standard_normal((4, 2, 44_100))
        spectrum = np.fft.rfft(noise)
        for stem in range(4):
            spectrum[stem, :, : stem * 2000] = 0
            spectrum[stem, :, (stem + 1) * 2000 :] = 0
        stems = np.fft.irfft(spectrum) * 3000 / 0.3
        np.save(folder / f"song-{number}.npy", np.clip(stems, -32767, 32767).astype(np.int16))
    return folder


def test_bands_cover_every_bin_once():
    assert EDGES[0] == 0
    assert EDGES[-1] == BINS
    assert len(BAND_OF_BIN) == BINS
    assert BANDS == 576


def test_band_errors_are_exact():
    """The loss computed in bands is the error of the masked spectra in full."""
    rng = np.random.default_rng(1)
    parts = spectra(rng.standard_normal((4, 2, 4096 + 3 * 1024)).astype(np.float32))
    gains = rng.uniform(0.5, 2, (4, 2, BINS)).astype(np.float32)
    order = np.array([0, 1, 0, 1])
    features, cross, energy = example(list(parts), order, gains)
    sources = np.stack([p[::-1] if o else p for p, o in zip(parts, order, strict=True)])
    sources = torch.from_numpy(sources * gains[:, :, None])
    logits = torch.randn(4, 1, 4, 2, BANDS)
    batch = {"cross": torch.from_numpy(cross)[:, None], "energy": torch.from_numpy(energy)[None]}
    mixture = sources.sum(dim=0)
    masks = masks_of(logits)[0].transpose(-1, -2)
    expected = ((sources - masks * mixture).abs() ** 2).sum(dim=(1, 2, 3))
    assert torch.allclose(squared_errors(logits, batch, 1.0)[0], expected, rtol=1e-3)
    ours = features_of(mixture.transpose(-1, -2)[None])[:, 0]
    assert torch.allclose(ours, torch.from_numpy(features), atol=1e-3)


def test_fused_loss_and_gradient_equal_the_formula():
    torch.manual_seed(0)
    logits = 2 * torch.randn(5, 3, 4, 2, BANDS)
    cross = torch.randn(5, 3, 4, 2, BANDS) + 0.5
    batch = {"cross": cross, "energy": 9 * cross.abs().sum(dim=(0, 3, 4))}
    plain = logits.clone().requires_grad_()
    errors = torch.stack([squared_errors(plain, batch, s) for s in SHARPNESSES])
    expected = torch.log(errors / (cross.sum(dim=(0, 2, 3, 4))[:, None] + 1e-6) + FLOOR).mean()
    expected.backward()
    fused = logits.clone().requires_grad_()
    loss = separation_loss(fused, batch)
    loss.backward()
    assert torch.allclose(loss, expected, rtol=1e-5)
    assert torch.allclose(fused.grad, plain.grad, atol=1e-5 * float(plain.grad.abs().max()))


def test_stft_and_back():
    audio = torch.randn(2, 30_000)
    assert torch.allclose(istft(stft(audio), 30_000), audio, atol=1e-5)


def test_separate_sums_to_the_mixture():
    """Masks are a softmax over the targets, so the stems add up."""
    network = JointOpenUnmix(16).eval()
    mixture = 0.1 * torch.randn(2, 20_000)
    stems = separate(network, mixture, iterations=0)
    assert torch.allclose(stems.sum(dim=0), mixture, atol=1e-5)
    wiener = separate(network, mixture, iterations=1)
    assert torch.allclose(wiener.sum(dim=0), mixture, atol=1e-3)


def test_sdr_of_known_errors():
    stems = torch.randn(4, 2, 1000)
    values = global_sdr(stems, 0.9 * stems)
    assert np.allclose(values, 20, atol=1e-3)


def test_batches_depend_on_seed_and_step_alone(songs: Path):
    options = MixOptions(frames=8, batch=2)
    one = Mixer(SongFolder([songs]), options, seed=5)
    for step in range(3):
        last = one.batch(step)
    again = Mixer(SongFolder([songs]), options, seed=5).batch(2)
    assert all(torch.equal(last[k], again[k]) for k in last)


def test_resuming_equals_not_stopping(songs: Path, tmp_path: Path):
    whole = Trainer(tmp_path / "whole", SMALL, "cpu")
    whole.fit([songs], [songs], lambda line: None)
    half = Trainer(tmp_path / "half", SMALL, "cpu")
    batches = Mixer(SongFolder([songs]), SMALL.mix, SMALL.seed)
    other = Mixer(SongFolder([songs]), SMALL.mix, SMALL.seed + 1)
    half.measure_inputs([other.batch(step) for step in range(8)])
    for step in range(2):
        half.train_step(batches.batch(step))
    half.save()
    resumed = Trainer(tmp_path / "half", SMALL, "cpu")
    assert resumed.resume()
    resumed.fit([songs], [songs], lambda line: None)
    for a, b in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_training_learns(songs: Path, tmp_path: Path):
    trainer = Trainer(
        tmp_path / "run", replace(SMALL, steps=30, learning_rate=1e-2, average=0.5), "cpu"
    )
    before = trainer.validate(validation_batch(songs, 8))["mean"]
    trainer.fit([songs], [songs], lambda line: None)
    assert trainer.validate(validation_batch(songs, 8))["mean"] > before + 3


@pytest.mark.parametrize("refine", [0, 8])
def test_export_and_load(tmp_path: Path, refine: int):
    network = JointOpenUnmix(16, refine=refine)
    if refine:
        torch.nn.init.normal_(network.refine.conv3.weight, std=0.1)
    for norm in (network.bn1, network.bn2):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    network.input_mean.normal_()
    network.eval()
    export(network, tmp_path / "weights.safetensors")
    loaded = load(tmp_path / "weights.safetensors")
    features = torch.randn(5, 1, 4 * BANDS)
    with torch.no_grad():
        assert torch.allclose(network(features), loaded(features), atol=5e-3)
    # What was learnt since is in the next export.
    loaded.measure_inputs(torch.randn(3000, 4 * BANDS))
    torch.nn.init.normal_(loaded.fc1.weight, std=0.1)
    loaded.bn1.weight.data.uniform_(0.5, 2)
    export(loaded, tmp_path / "weights.safetensors")
    with torch.no_grad():
        again = load(tmp_path / "weights.safetensors")(features)
        assert torch.allclose(again, loaded(features), atol=5e-3)


def test_blend():
    """Half the way between two networks, with the refinement of the one that has it."""
    start, trained = JointOpenUnmix(16).eval(), JointOpenUnmix(16, refine=4).eval()
    trained.load_state_dict(trained.state_dict() | start.state_dict())
    torch.nn.init.normal_(trained.refine.conv3.weight, std=0.1)
    with torch.no_grad():
        trained.fc3.bias += 1
        blended = blend(start, trained, 0.5)
        assert torch.allclose(blended.fc3.bias, start.fc3.bias + 0.5)
        features = torch.randn(5, 1, 4 * BANDS)
        trained.fc3.bias -= 0.5
        assert torch.allclose(blended(features), trained(features), atol=5e-3)
    with pytest.raises(ValueError, match="hidden sizes 16 and 8"):
        blend(start, JointOpenUnmix(8), 0.5)
    with pytest.raises(ValueError, match="the share is 2"):
        blend(start, trained, 2)


FINE = TrainOptions(hidden=448, steps=24, warmup=4, validate_every=24, workers=0,
                    learning_rate=3e-4, freeze_statistics=True, average=0.9,
                    mix=MixOptions(frames=32, batch=4))  # fmt: skip


def fine_tuned(pool: Path, held_out: Path, run: Path) -> tuple[float, float]:
    """Mean SDR of the shipped weights on held-out songs before and after some steps."""
    torch.set_num_threads(1)
    trainer = Trainer(run, FINE, "cpu", load(SHIPPED))
    before = trainer.validate(validation_batch(held_out))["mean"]
    trainer.fit([pool], [held_out], lambda line: None)
    return before, trainer.validate(validation_batch(held_out))["mean"]


def test_more_of_the_same_costs_nothing(tmp_path: Path):
    """The demo is such a song as the weights were trained on: its first half, then its second."""
    demo = np.stack([read_stereo(DEMO / f"{t}.ogg") for t in ("vocals", "drums", "bass", "other")])
    half = demo.shape[-1] // 2
    write_pieces(demo[..., :half], tmp_path / "pool", "first", 10)
    write_pieces(demo[..., half:], tmp_path / "held", "second", 10)
    before, after = fine_tuned(tmp_path / "pool", tmp_path / "held", tmp_path / "run")
    assert after > before - 0.1


def test_a_users_songs_improve_it(songs: Path, tmp_path: Path):
    """On a song that is like theirs and was held out."""
    soundfile = pytest.importorskip("soundfile")
    for number, file in enumerate(sorted(songs.glob("*.npy"))):
        folder = tmp_path / "multitracks" / f"song {number}"
        folder.mkdir(parents=True)
        for name, stem in zip(("vocals", "drums", "bass", "other"), np.load(file), strict=True):
            soundfile.write(folder / f"{name}.wav", stem.T, 44_100)
    import_multitracks(tmp_path / "multitracks", tmp_path / "pool", tmp_path / "held")
    before, after = fine_tuned(tmp_path / "pool", tmp_path / "held", tmp_path / "run")
    assert after > before + 1


def test_what_training_spoils_is_not_the_best(songs: Path, tmp_path: Path):
    """The given weights are judged too, so the best ones are never worse."""
    spoilt = replace(SMALL, learning_rate=1.0, warmup=1, freeze_statistics=True)
    trainer = Trainer(tmp_path / "run", spoilt, "cpu", load(SHIPPED))
    before = trainer.validate(validation_batch(songs))["mean_ratio"]
    trainer.fit([songs], [songs], lambda line: None)
    assert trainer.validate(validation_batch(songs))["mean_ratio"] < before - 0.05
    trainer.average = load(tmp_path / "run" / "best.pt")
    assert trainer.validate(validation_batch(songs))["mean_ratio"] == pytest.approx(before)


def test_refinement_starts_without_a_say(songs: Path):
    """Added to trained weights, it changes nothing before it has learnt; then its neighbours."""
    network = JointOpenUnmix(16).eval()
    features = torch.randn(9, 2, 4 * BANDS)
    with torch.no_grad():
        plain = network(features)
        network.refine = Refinement(8)
        assert torch.equal(network(features), plain)
        assert torch.allclose(network(features, slice(2, 7)), plain[2:7], atol=1e-6)


def test_the_refinement_can_be_left_out(tmp_path: Path):
    """A trunk alone trains faster; without a word, the weights keep what they have."""
    kept = Trainer(tmp_path, SMALL, "cpu", JointOpenUnmix(16, refine=4))
    assert kept.network.refine and kept.average.refine
    plain = Trainer(tmp_path, replace(SMALL, refine=0), "cpu", JointOpenUnmix(16, refine=4))
    assert plain.network.refine is None and plain.average.refine is None
    with torch.no_grad():
        assert plain.network(torch.randn(5, 1, 4 * BANDS)).shape == (5, 1, 4, 2, BANDS)


@pytest.mark.parametrize("half", [False, True])
def test_bfloat16_only_where_the_processor_has_it(songs: Path, tmp_path: Path, monkeypatch, half):
    """Its LSTM has no kernel for it elsewhere."""
    monkeypatch.setattr("training.train.multiplies_bfloat16", lambda: half)
    trainer = Trainer(tmp_path, SMALL, "cpu")
    assert trainer.bfloat16 == half
    if not half:
        assert trainer.train_step(Mixer(SongFolder([songs]), SMALL.mix, seed=5).batch(0)) < 1


def test_the_judged_frames_are_those_between_the_context(songs: Path):
    whole = Mixer(SongFolder([songs]), MixOptions(frames=8, batch=2), seed=5).batch(0)
    inner = Mixer(SongFolder([songs]), MixOptions(frames=8, batch=2, context=2), seed=5).batch(0)
    assert torch.equal(inner["features"], whole["features"])
    assert torch.equal(inner["cross"], whole["cross"][2:6])
    assert (inner["energy"] <= whole["energy"]).all()
    assert inner["energy"].sum() < 0.8 * whole["energy"].sum()


def test_curves_show_every_kind_of_validation(tmp_path: Path):
    pytest.importorskip("matplotlib")
    targets = [f"{t}_ratio" for t in ("vocals", "drums", "bass", "other")]
    columns = ["step", "loss", *targets, "validation-real mean_ratio"]
    rows = [",".join(columns), *(",".join([str(n)] * len(columns)) for n in (1, 2))]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")
    plot(tmp_path, tmp_path / "curves.svg")
    picture = (tmp_path / "curves.svg").read_text()
    assert "<!-- vocals -->" in picture and "<!-- mean, real -->" in picture


def test_what_is_not_known_has_no_loss():
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 4, 2, BANDS)
    cross = torch.rand(3, 2, 4, 2, BANDS)
    batch = {"cross": cross, "energy": cross.sum(dim=(0, 3, 4)) * 2}
    batch["known"] = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    loss = separation_loss(logits, batch)
    batch["energy"][1, 2:] *= 5
    assert separation_loss(logits, batch) == loss
    batch["energy"][1, 0] *= 5
    assert separation_loss(logits, batch) > loss


def test_silent_targets_have_no_sdr():
    batch = {"cross": torch.ones(1, 1, 4, 2, BANDS), "energy": torch.tensor([[1.0, 1, 1, 0]])}
    assert torch.isnan(sdr(torch.zeros(1, 1, 4, 2, BANDS), batch, 1.0)[0, 3])


def test_what_is_wrong_is_one_sentence(tmp_path: Path, monkeypatch):
    for arguments, words in (
        (["train", "--multitracks", "empty"], "error: empty needs at least two song folders"),
        (["train", "--init", "notes.txt"], "error: notes.txt does not hold a network"),
        (["train", "--out", "work"], "error: There are no songs to validate with"),
    ):
        monkeypatch.chdir(tmp_path)
        Path("empty").mkdir(exist_ok=True)
        Path("notes.txt").write_text("no weights at all")
        monkeypatch.setattr("sys.argv", ["training", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert str(stop.value.code).startswith(words)
        assert not Path("work", "run").exists()


def test_multitracks(tmp_path: Path):
    soundfile = pytest.importorskip("soundfile")
    for song in ("a", "b"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for name in ("vocals", "drums", "bass", "guitar", "keys"):
            soundfile.write(tmp_path / "songs" / song / f"{name}.wav", np.full(9000, 0.1), 44_100)
    assert import_multitracks(tmp_path / "songs", tmp_path / "pool", tmp_path / "held") == 2
    stems = np.load(next((tmp_path / "pool").glob("*.npy"))) / 32767
    assert stems.shape == (4, 2, 9000)
    assert np.allclose(stems[:, 0, 0], [0.1, 0.1, 0.1, 0.2], atol=1e-3)


def test_recordings(tmp_path: Path, songs: Path):
    """Voices and guitars take a stem's place; a bass inside *other* is never a silent bass."""
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    source = tmp_path / "source"
    names = {"whole": ("vocals", "drums", "bass", "other"),
             "partly": ("vocals", "drums", "instruments")}  # fmt: skip
    files = [source / "songs" / song / name for song, stems in names.items() for name in stems]
    for path in [*files, source / "phrases" / "a", source / "guitars" / "b"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(f"{path}.ogg", 0.1 * rng.standard_normal((250_000, 2)), 44_100)
    target = tmp_path / "recordings"
    assert import_recordings(source, target, tmp_path / "held", variants=2) == 4
    assert [f.name for f in (tmp_path / "held").iterdir()] == ["whole-000.npy"]
    found = {str(f.relative_to(target)) for f in target.rglob("*.npy")}
    assert found == {"unsplit/partly-000-unsplit.npy", "drums/partly-000.npy",
                     "vocals/partly-0-000.npy", "vocals/partly-1-000.npy",
                     "vocals/a-0-000.npy", "vocals/a-1-000.npy", "other/b-000.npy"}  # fmt: skip
    options = MixOptions(frames=8, batch=12, recorded=(1, 0, 0, 0), unsplit=0.5, missing=0)
    mixer = Mixer(SongFolder([songs]), options, 5, recordings=Recordings(target))
    batches = [mixer.batch(step) for step in range(3)]
    known = torch.cat([batch["known"] for batch in batches])
    assert known[:, :2].all()
    assert 0 < known[:, 2:].mean() < 1
    assert torch.equal(known[:, 2], known[:, 3])
    with pytest.raises(FileNotFoundError, match="none of the folders phrases"):
        import_recordings(tmp_path / "held", target, tmp_path / "held")


def test_expectation_maximisation_agrees_with_norbert():
    norbert = pytest.importorskip("norbert")
    rng = torch.Generator().manual_seed(0)
    mixture = torch.randn(2, 9, 12, dtype=torch.complex64, generator=rng)
    sources = torch.randn(4, 2, 9, 12, dtype=torch.complex64, generator=rng)
    ours = expectation_maximisation(mixture, sources)
    theirs, _, _ = norbert.expectation_maximization(
        sources.permute(3, 2, 1, 0).numpy().astype(np.complex128) / 1.0,
        mixture.permute(2, 1, 0).numpy().astype(np.complex128),
        iterations=1,
        eps=1e-10,
    )
    assert np.allclose(ours.permute(3, 2, 1, 0).numpy(), theirs, atol=1e-4)
