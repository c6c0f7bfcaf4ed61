"""Harmonic/percussive separation by median filtering, as a plugin for unmixcli."""

from pydantic import BaseModel, ConfigDict, Field

from unmixcli.models.cards import ModelCard


class Options(BaseModel):
    """What `--option KEY=VALUE` may set; `unmix models info hpss` lists it."""

    model_config = ConfigDict(extra="forbid")

    kernel: int = Field(default=17, ge=3, le=501, description="Frames and bins of the filters.")
    power: float = Field(default=2.0, gt=0, description="Exponent of the masks.")


class Plugin:
    """What the entry point names."""

    options = Options

    def cards(self):
        """The models on offer: one, and it needs no weights."""
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
        """Return the model; it computes on the CPU whatever the device."""
        # Here and not at the top: listing models should not wait for scipy.
        from .separation import HarmonicPercussive

        return HarmonicPercussive(targets)


plugin = Plugin()
