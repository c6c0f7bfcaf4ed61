"""A user's own RoFormer: a checkpoint and the YAML file that its author published."""

from __future__ import annotations

from pathlib import Path

from ...errors import ModelError
from ..cards import ModelCard
from ..published import PublishedConfig, find_beside, find_in_folder, make_card


def card_of_folder(folder: Path) -> ModelCard | None:
    """Describe the model in a folder; None if there is none of this family."""
    return _card(folder, find_in_folder(folder))


def card_of_file(file: Path) -> ModelCard | None:
    """Describe the model in a file with a description beside it; None if it is another family's."""
    return _card(file, find_beside(file))


def _card(place: Path, found: tuple[Path, PublishedConfig] | None) -> ModelCard | None:
    if found is None or found[1].architecture not in ("bs_roformer", "mel_band_roformer"):
        return None
    checkpoint, config = found
    _refuse_variants(config)
    parameters = {"hop": config.hop, "chunk": config.chunk, "overlap": config.overlap}
    if "stft_n_fft" in config.model:
        parameters["n_fft"] = config.number("stft_n_fft")
    if config.zero_dc:
        parameters["zero_dc"] = True
    return make_card("roformer", place, checkpoint, config, parameters)


def _refuse_variants(config: PublishedConfig) -> None:
    """Refuse what no tensor shows."""
    model = config.model
    frame = config.number("stft_n_fft", 2048)
    reasons = {
        "skip_connection": model.get("skip_connection"),
        "linear_transformer_depth": model.get("linear_transformer_depth"),
        "use_pope": model.get("use_pope"),
        "stft_win_length": config.number("stft_win_length", frame) != frame,
    }
    for key, set_ in reasons.items():
        if set_:
            raise ModelError(
                f"{config.path}: model.{key} is {model[key]!r}, a variant that is not run"
            )
