"""From a card and its files to a model: which networks are needed, and whether they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import ModelError, UsageError
from ..cards import ModelCard
from ..segmented import Bag, CrossFadeScheme, SegmentedModel, TriangleScheme
from ..tensors import TensorFile, load_into, not_a_network, open_tensors
from . import torchaudio_layout
from .arguments import LONGEST, Arguments, HTDemucsArguments
from .checkpoint import Checkpoint, open_checkpoint
from .network import HDemucs, build_network
from .options import CrossFadeOptions, Options


class Parameters(BaseModel):
    """What the card of a bag says for this plugin alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    segment: float | None = Field(default=None, gt=0, le=LONGEST)
    """Seconds of a segment, in place of what the files say."""
    weights: tuple[tuple[float, ...], ...] | None = None
    """What each file's estimate of each target counts; not given, 1 for its targets."""


AT_ONCE = 2
"""Segments that run at the same time: a tenth faster than one on twice as many threads."""


def load_model(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> SegmentedModel:
    """Build a model of one network, or of several that share the work.

    See `unmixcli.models.interface.Plugin.load`. Of a bag, only the networks
    that count for a target wanted are there: the card's files say which.
    """
    parameters = _parameters(card)
    files = card.files_for(targets)
    for target in targets:
        if not card.files_for([target]):
            raise ModelError(f"{card.name} is badly described: none of its files is for {target}")
    checkpoints = [open_checkpoint(weights[item.file]) for item in files]
    if parameters.segment is not None:
        checkpoints = [_with_segment(each, parameters.segment) for each in checkpoints]
    first = checkpoints[0].arguments
    for checkpoint in checkpoints:
        _compare(card, checkpoint, first)
    shares = [_shares(card, parameters, item.file) for item in files]
    networks = []
    for checkpoint in checkpoints:
        network = build(checkpoint)
        network.keep([checkpoint.arguments.sources.index(target) for target in targets])
        networks.append(network.to(torch.device(device)))
    own = [[share[card.targets.index(target)] for target in targets] for share in shares]
    return SegmentedModel(
        networks[0] if len(networks) == 1 else Bag(networks, own, range(len(targets))),
        {target: row for row, target in enumerate(targets)},
        sample_rate=card.sample_rate,
        channels=first.audio_channels,
        device=torch.device(device),
        scheme=lambda options: scheme_of(card.name, first, options),
        at_once=min(AT_ONCE, torch.get_num_threads()),
    )


def load_torchaudio(
    card: ModelCard, weights: Mapping[str, Path], targets: Sequence[str], device: str
) -> SegmentedModel:
    """Build a model of a state dict of `torchaudio.models.HDemucs`."""
    if len(card.weights) != 1:
        raise ModelError(
            f"{card.name} names {len(card.weights)} weights files; a Hybrid Demucs network "
            "estimates all targets and is one file"
        )
    file = open_tensors(weights[card.weights[0].file])
    network = build_torchaudio(file, card)
    arguments = network.arguments
    _compare_channels(card, file, arguments)
    network.keep([card.targets.index(target) for target in targets])
    # What is shorter cannot be reflected at its ends, as torchaudio does it.
    shortest = 2 * arguments.hop

    def scheme(options: CrossFadeOptions) -> CrossFadeScheme:
        return CrossFadeScheme(*options.samples(card.sample_rate), shortest)

    return SegmentedModel(
        network.to(torch.device(device)),
        {target: row for row, target in enumerate(targets)},
        sample_rate=card.sample_rate,
        channels=arguments.audio_channels,
        device=torch.device(device),
        scheme=scheme,
        at_once=min(AT_ONCE, torch.get_num_threads()),
    )


def build(checkpoint: Checkpoint) -> HDemucs:
    """Build the network of a file, ready to infer.

    Raises
    ------
    ModelError
        If the file does not hold exactly the network that it describes.
    """
    network = _empty(checkpoint.arguments, checkpoint.file, checkpoint.kind)
    load_into(network, checkpoint.file, checkpoint.kind)
    return network


def build_torchaudio(file: TensorFile, card: ModelCard) -> HDemucs:
    """Build the network of a file in torchaudio's layout; see `build`."""
    kind = torchaudio_layout.KIND
    network = _empty(torchaudio_layout.measure(file, card), file, kind)
    load_into(network, file, kind, torchaudio_layout.key_of, torchaudio_layout.unused(file))
    return network


def scheme_of(name: str, arguments: Arguments, options: Options) -> TriangleScheme:
    """Say how a track is cut into segments for a network.

    Parameters
    ----------
    name : str
        The model's, for the message.
    arguments : Arguments
        The network's.
    options : Options
        Those of the user.

    Raises
    ------
    UsageError
        If the user wants longer segments than the network can read.
    """
    samples, reads = arguments.samples, None
    if options.segment is not None:
        samples = int(options.segment * arguments.samplerate)
    if isinstance(arguments, HTDemucsArguments):
        if arguments.use_train_segment and samples > arguments.samples:
            raise UsageError(
                f"option segment of {name}: at most {float(arguments.segment):g} seconds, the "
                "length that it was trained on"
            )
        if arguments.use_train_segment or options.segment is not None:
            reads = samples
    # A single sample of a single channel has no standard deviation.
    shortest = 2 if arguments.audio_channels == 1 else 1
    return TriangleScheme(samples, options.overlap, reads=reads, shortest=shortest)


def _empty(arguments: Arguments, file: TensorFile, kind: str) -> HDemucs:
    try:
        # Without memory or a first guess for the parameters: the file has them.
        with torch.device("meta"):
            return build_network(arguments)
    except (ArithmeticError, RuntimeError, ValueError) as error:
        raise not_a_network(file, kind, f"its sizes do not go together ({error})") from None


def _parameters(card: ModelCard) -> Parameters:
    try:
        parameters = Parameters.model_validate(card.parameters)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise ModelError(
            f"{card.name} is badly described: parameters.{place}: {detail['msg']}"
        ) from None
    lists = parameters.weights
    if lists is not None and [len(each) for each in lists] != [len(card.targets)] * len(
        card.weights
    ):
        raise ModelError(
            f"{card.name} is badly described: parameters.weights must have a list for each of its "
            f"{len(card.weights)} files, with a number for each of its {len(card.targets)} targets"
        )
    return parameters


def _shares(card: ModelCard, parameters: Parameters, file: str) -> Sequence[float]:
    """Return what a file's estimate of each of the card's targets counts."""
    place, item = next((k, item) for k, item in enumerate(card.weights) if item.file == file)
    if parameters.weights is not None:
        return parameters.weights[place]
    return [float(not item.targets or target in item.targets) for target in card.targets]


def _with_segment(checkpoint: Checkpoint, seconds: float) -> Checkpoint:
    """Return a checkpoint with segments of a length that a bag asks for, if it can have them."""
    arguments = checkpoint.arguments
    if isinstance(arguments, HTDemucsArguments) and seconds > arguments.segment:
        return checkpoint  # as demucs does it
    return Checkpoint(checkpoint.file, arguments.model_copy(update={"segment": seconds}))


def _compare(card: ModelCard, checkpoint: Checkpoint, first: Arguments) -> None:
    """Refuse a network that is not what the card or another network of its bag says."""
    path, arguments = checkpoint.file.path, checkpoint.arguments
    if unknown := [name for name in card.targets if name not in arguments.sources]:
        raise ModelError(
            f"{path} estimates {', '.join(arguments.sources)}, but {card.name} is described as "
            f"having the target {unknown[0]}"
        )
    if arguments.samplerate != card.sample_rate:
        raise ModelError(
            f"{path} works at {arguments.samplerate} Hz, but {card.name} is described as working "
            f"at {card.sample_rate} Hz"
        )
    _compare_channels(card, checkpoint.file, arguments)
    if (arguments.audio_channels, arguments.samples) != (first.audio_channels, first.samples):
        raise ModelError(
            f"the networks of {card.name} differ in channels or in the length of their segments, "
            "so they cannot work together; give parameters.segment"
        )


def _compare_channels(card: ModelCard, file: TensorFile, arguments: Arguments) -> None:
    if card.channels not in (None, arguments.audio_channels):
        raise ModelError(
            f"{file.path} has {arguments.audio_channels} channels, but {card.name} is described "
            f"as having {card.channels}"
        )
