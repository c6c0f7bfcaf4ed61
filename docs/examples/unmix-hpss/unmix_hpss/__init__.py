"""Harmonic/percussive separation by median filtering, as a plugin for unmixcli."""

from pydantic import BaseModel, ConfigDict, Field

from unmixcli.plugin import ModelCard


class Options(BaseModel):
    """The options of the model; `unmix models info hpss` lists them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kernel: int = Field(default=17, ge=3, le=501, description="Frames and bins of the filters.")
    power: float = Field(default=2.0, gt=0, description="Exponent of the masks.")


class Plugin:
    """The object that the entry point names."""

    options = Options

    def cards(self):
        """Return the models: one, and it needs no weights."""
        return [
            ModelCard(
                name="hpss",
                plugin="hpss",
                title="Harmonic/percussive separation by median filtering",
                targets=["harmonic", "percussive"],
                sample_rate=44100,
                licence="MIT",
            )
        ]

    def load(self, card, weights, targets, device):
        """Return the model; it runs on the CPU whatever the device."""
        # Imported here so that listing models does not wait for scipy.
        from .separation import HarmonicPercussive

        return HarmonicPercussive(targets)


plugin = Plugin()
