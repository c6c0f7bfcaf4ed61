"""Files of demucs: what loads, what is refused, and with which words."""

from __future__ import annotations

import collections
import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from demucs_networks import (
    RATE,
    SEGMENT,
    SOURCES,
    class_name,
    header,
    network,
    save_content,
    save_package,
    save_safetensors,
)
from unmixcli.errors import ModelError
from unmixcli.models.demucs.arguments import HDemucsArguments, HTDemucsArguments
from unmixcli.models.demucs.checkpoint import open_checkpoint
from unmixcli.models.demucs.loading import build

states = pytest.importorskip("demucs.states")
hf = pytest.importorskip("demucs.hf")


@pytest.fixture(scope="module")
def made() -> Any:
    return network()


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Forget the modules that were made up."""
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "diffq"]:
        del sys.modules[name]


def open_and_build(path: Path) -> Any:
    return build(open_checkpoint(path))


def package(model: Any, **changes: Any) -> dict[str, Any]:
    args, kwargs = model._init_args_kwargs
    content = {"klass": type(model), "args": args, "kwargs": kwargs, "state": model.state_dict()}
    return content | changes


@pytest.mark.parametrize("kind", ["HTDemucs", "HDemucs"])
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_both_files_of_both_networks(tmp_path: Path, kind: str, half: bool, suffix: str) -> None:
    model = network(kind)
    if suffix == ".th":
        path = save_package(model, tmp_path, half=half)
        theirs = states.load_model(path)
    else:
        path = save_safetensors(model, tmp_path / "955717e8.safetensors", half=half)
        theirs = hf.load_safetensors_model(path)
    checkpoint = open_checkpoint(path)
    kinds = {"HTDemucs": HTDemucsArguments, "HDemucs": HDemucsArguments}
    assert type(checkpoint.arguments) is kinds[kind]
    assert checkpoint.arguments.sources == SOURCES
    assert checkpoint.arguments.samplerate == RATE
    if kind == "HTDemucs":
        assert checkpoint.arguments.segment == SEGMENT
    ours = open_and_build(path)
    assert all(value.dtype == torch.float32 for value in ours.state_dict().values())
    assert not any(value.requires_grad for value in ours.parameters())
    audio = torch.randn(1, 2, 3000)
    with torch.inference_mode():
        torch.testing.assert_close(ours(audio), theirs.eval()(audio), rtol=0, atol=1e-5)


def test_sources_without_a_name_and_unknown_arguments(
    tmp_path: Path, made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, kwargs = made._init_args_kwargs
    others = {key: value for key, value in kwargs.items() if key != "sources"} | {"old\n": 1}
    path = save_content(package(made, args=(list(SOURCES),), kwargs=others), tmp_path)
    assert open_checkpoint(path).arguments.sources == SOURCES
    (message,) = [record.getMessage() for record in caplog.records]
    assert "'old\\n' of its network is unknown and left out" in message


def test_an_older_layout_of_pytorch(tmp_path: Path, made: Any) -> None:
    path = tmp_path / "old.th"
    torch.save(package(made), path, _use_new_zipfile_serialization=False)
    assert open_and_build(path).state_dict().keys() == made.state_dict().keys()


class Code:
    """Something that a pickle can run."""

    def __reduce__(self) -> Any:
        return os.system, ("touch exploded",)


def named_class(name: str) -> type:
    """Return a class that pickles under a name; one that is not installed is made up."""
    module, short = name.rsplit(".", 1)
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:count]), ModuleType(".".join(parts[:count])))
    found = getattr(sys.modules[module], short, None) or type(short, (), {"__module__": module})
    setattr(sys.modules[module], short, found)
    return found  # type: ignore[no-any-return]


def kwargs(**changes: Any) -> Callable[[Any], Any]:
    def change(made: Any) -> Any:
        return package(made, kwargs=made._init_args_kwargs[1] | changes)

    return change


REFUSED = [
    (lambda made: package(made, metrics=Code()), "have to run code from inside the file"),
    (lambda made: package(made, klass=Code()), "have to run code from inside the file"),
    (lambda made: made, "have to run code|demucs.htdemucs.HTDemucs"),
    (lambda made: package(made, klass=torch.nn.LSTM), "have to run code"),
    (
        lambda made: package(made, klass=named_class("demucs.demucs.Demucs")),
        "class 'demucs.demucs.Dem",
    ),
    (lambda made: package(made, klass="demucs.tasnet.ConvTasNet"), "class 'demucs.tasnet.ConvT"),
    (lambda made: package(made, klass=7), "does not say how its network was made in a way"),
    (lambda made: package(made, kwargs=[1]), "does not say how its network was made in a way"),
    (lambda made: package(made, args=SOURCES), "without their names"),
    (lambda made: package(made, kwargs={}), "cannot be: sources: Field required"),
    (lambda made: made.state_dict(), "does not say how its network was made"),
    (
        lambda made: package(made, state={"__quantized": True, "quantized": [torch.ones(1)]}),
        r"quantised \(DiffQ\)",
    ),
    (
        lambda made: package(
            made, state={"__quantized": True, "meta": named_class("diffq.diffq.DiffQuantizer")}
        ),
        r"quantised \(DiffQ\)",
    ),
    (lambda made: package(made, state={}), "it lacks"),
    (lambda made: package(made, state=made.state_dict() | {"x": 1}), "x is not a tensor"),
    (lambda made: package(made, state=made.state_dict() | {"x": torch.ones(1)}), "it has x, which"),
    (kwargs(cac=False), r"masks and Wiener filtering .*\(cac=False\), which is not supported"),
    (kwargs(wiener_iters=2), r"Wiener filtering \(wiener_iters=2\)"),
    (kwargs(hybrid=False), r"\(hybrid=False\)"),
    (kwargs(hybrid_old=True), r"\(hybrid_old=True\)"),
    (kwargs(multi_freqs=[0.25]), r"\(multi_freqs=\[0\.25\]\)"),
    (kwargs(t_sparse_self_attn=True), r"sparse attention \(t_sparse_self_attn=True\)"),
    (kwargs(t_sparse_cross_attn=True), r"\(t_sparse_cross_attn=True\)"),
    (kwargs(t_sin_random_shift=3), r"\(t_sin_random_shift=3\)"),
    (kwargs(t_emb="learnt"), "t_emb: Input should be 'sin', 'cape' or 'scaled'"),
    (kwargs(segment=10**6), "segment: seconds must be a number up to 120"),
    (kwargs(segment="long"), "segment: seconds must be a number"),
    (kwargs(channels=10**9), "channels: Input should be less than"),
    (kwargs(depth=10**9), "depth: Input should be less than"),
    (kwargs(kernel_size=6), "kernel_size must be twice an even stride"),
    (kwargs(sources=["a", "a"]), "sources has a name twice"),
    (kwargs(nfft=2048), "the shape"),
    (kwargs(channels=3), "its sizes do not go together|the shape"),
    (kwargs(channels=16), "the other tensors require"),
    (kwargs(depth=8), "sizes do not go together .*leaves the transformer no spectrogram"),
    (kwargs(dconv_comp=64), "8 channels cannot be compressed 64 times"),
    (kwargs(t_heads=7), "no multiple of 4 and of 7 heads"),
    (kwargs(channels_time=5), "channels_time must be that of the spectrogram"),
    (kwargs(nfft=24), "nfft"),
    (kwargs(sources=[*SOURCES, "piano"]), "the shape"),
    (kwargs(t_emb="scaled"), "it lacks crosstransformer.position_embeddings"),
    (kwargs(t_max_positions=1, t_emb="scaled"), "t_max_positions is less than the 61 places"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_packages_that_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Any,
    change: Callable[[Any], Any],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = save_content(change(made), tmp_path)
    with pytest.raises(ModelError, match=words) as caught:
        open_and_build(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "exploded").exists()


def test_a_hybrid_that_never_merges(tmp_path: Path) -> None:
    hybrid = network("HDemucs", nfft=256, depth=4)
    arguments = hybrid._init_args_kwargs[1] | {"depth": 2}
    path = save_content(package(hybrid, kwargs=arguments), tmp_path)
    with pytest.raises(ModelError, match=r"sizes do not go together \(depth 2 is too small"):
        open_and_build(path)


def test_attention_over_far_too_many_frames(tmp_path: Path) -> None:
    hybrid = network("HDemucs", nfft=256, depth=4, dconv_attn=3)
    arguments = hybrid._init_args_kwargs[1] | {"segment": 120, "samplerate": 44100}
    path = save_content(package(hybrid, kwargs=arguments), tmp_path)
    with pytest.raises(ModelError, match="attention over 82687 frames takes too much memory"):
        open_and_build(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"klass": "os.system"}, "class 'os.system', which is not supported"),
        ({"klass": "demucs.demucs.Demucs"}, "class 'demucs.demucs.Demucs', which is not supported"),
        ({"kwargs": "{"}, "no usable kwargs in its header"),
        ({"kwargs": "[" * 30_000}, "no usable kwargs in its header"),
        ({"kwargs": " " * 70_000 + "{}"}, "no usable kwargs in its header"),
        ({"args": "1"}, "does not say how its network was made in a way"),
        ({"kwargs": '{"segment": {"_type": "fraction", "numerator": 1, "denominator": 0}}'}, "kwa"),
        ({"kwargs": '{"segment": {"_type": "fraction", "numerator": "1"}}'}, "no usable kwargs"),
        ({"structure": "{}"}, r"quantised \(DiffQ\)"),
    ],
)
def test_headers_that_are_refused(
    tmp_path: Path, made: Any, changes: dict[str, str], words: str
) -> None:
    path = save_safetensors(made, tmp_path / "x.safetensors", metadata=header(made) | changes)
    with pytest.raises(ModelError, match=words):
        open_and_build(path)


def test_a_header_that_says_nothing_of_demucs(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    keys = ("encoder.0.SDlayer.convs.0.weight", "separation_net.a")
    save_file({key: torch.ones(1) for key in keys}, path)
    with pytest.raises(ModelError, match=r"not a Demucs package: .*; this is an SCNet checkpoint"):
        open_checkpoint(path)


@pytest.mark.parametrize("cut", [0, 7, 8, 100, -1000, -1])
def test_a_file_that_was_cut(tmp_path: Path, made: Any, cut: int) -> None:
    for path in (save_package(made, tmp_path), save_safetensors(made, tmp_path / "x.safetensors")):
        path.write_bytes(path.read_bytes()[:cut])
        with pytest.raises(ModelError, match="cannot be read as") as caught:
            open_and_build(path)
        assert str(path) in str(caught.value)


def test_a_safetensors_header_that_lies(tmp_path: Path, made: Any) -> None:
    path = save_safetensors(made, tmp_path / "x.safetensors")
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + length])
    key = next(name for name in table if name != "__metadata__")
    for entry in (
        {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]},
        table[key] | {"shape": [1 << 30, 1 << 30]},
        table[key] | {"data_offsets": [0, 1]},
        table[key] | {"dtype": "C64"},
    ):
        text = json.dumps(table | {key: entry}).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
        with pytest.raises(ModelError, match="cannot be read as a safetensors file"):
            open_and_build(path)
    path.write_bytes(struct.pack("<Q", 1 << 60) + data[8:])
    with pytest.raises(ModelError, match="cannot be read as a safetensors file"):
        open_and_build(path)


def test_two_gigabytes_of_zeros_are_never_read(tmp_path: Path, made: Any) -> None:
    """A tensor that is too large is refused by its shape: the file is sparse, memory is not."""
    size = 1 << 31
    key = "encoder.0.conv.bias"
    table = {"__metadata__": header(made)}
    table |= {key: {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}
    place = size
    for name, value in made.state_dict().items():
        if name != key:
            end = place + 4 * value.numel()
            table[name] = {
                "dtype": "F32", "shape": list(value.shape), "data_offsets": [place, end],
            }  # fmt: skip
            place = end
    text = json.dumps(table).encode()
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + place)
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"encoder.0.conv.bias has the shape \(536870912,\)"):
        open_and_build(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_what_a_package_is_made_of(made: Any) -> None:
    """The tests' packages are those that demucs reads."""
    args, arguments = made._init_args_kwargs
    assert class_name(made) == "demucs.htdemucs.HTDemucs"
    assert isinstance(arguments["segment"], Fraction)
    assert isinstance(made.state_dict(), collections.OrderedDict)
    assert not args
