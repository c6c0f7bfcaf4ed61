"""Hints for users who type the options of other separators."""

from __future__ import annotations

from collections.abc import Sequence

# With {} for the value that was typed.
_HABITS = {
    "--two-stems": "--targets {} --residual writes that stem and the rest",
    "--single_stem": "--targets {} writes only that stem",
    "-n": "--model {} chooses the model",
    "--name": "--model {} chooses the model",
    "--model_filename": "--model takes the name of a model or your own file",
    "--mp3": "--format mp3 writes mp3",
    "--flac": "--format flac writes flac",
    "--output_format": "--format {} sets the format",
    "--mp3-bitrate": "--quality {}k sets the bit rate",
    "--int24": "--bit-depth 24 sets the bit depth",
    "--float32": "32-bit float is the default of wav",
    "--clip-mode": "--clip none, clamp or rescale decides about full scale",
    "--shifts": "--option shifts={} averages several passes",
    "--overlap": "--option overlap={}, if the model has that option (see `unmix models info NAME`)",
    "--segment": "--option segment={}, if the model has that option (see `unmix models info NAME`)",
    "--out": "--outdir {} sets the output folder",
    "--output_dir": "--outdir {} sets the output folder",
    "--output": "--outdir {} sets the output folder",
    "--repo": "--model takes a folder with your own model",
    "-j": "start the command several times with --skip-existing; the runs share the recordings",
    "--jobs": "start the command several times with --skip-existing; the runs share the recordings",
    "--list_models": "`unmix models list` lists the models",
    "--list-models": "`unmix models list` lists the models",
    "--normalization": "--loudness -14 sets the loudness, --clip rescale avoids clipping",
    "--normalize": "--loudness -14 sets the loudness, --clip rescale avoids clipping",
    "--lufs": "--loudness {} sets the loudness in LUFS",
    "--codec": "--format {} sets the format",
    "--bitrate": "--quality {} sets the bit rate of lossy formats",
}


def hint_for(option: str, words: Sequence[str]) -> str:
    """Return how this program does what an option of another one does, or an empty string.

    Parameters
    ----------
    option : str
        An option that this program does not have.
    words : sequence of str
        The command line, for the value of the option.

    >>> hint_for("--two-stems", ["--two-stems", "vocals"])
    '--targets vocals --residual writes that stem and the rest'
    """
    name, equals, value = option.partition("=")
    hint = _HABITS.get(name, "")
    if not equals:
        given = [word for word in words if word.partition("=")[0] == name]
        if given and "=" in given[0]:
            value = given[0].partition("=")[2]
        elif given and (place := words.index(given[0]) + 1) < len(words):
            value = words[place]
    value = "VALUE" if not value or value.startswith("-") else value
    return hint.replace("{}", value.removesuffix("k") if "{}k" in hint else value)
