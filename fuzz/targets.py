"""What the program does with a damaged file of each kind, and what must hold then."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

from unmixcli.errors import UnmixError

from . import seeds
from .cage import BrokenPromise
from .checkpoints import damage_checkpoint, damage_state, write_state
from .mutation import damage, damage_text

Case = Callable[[], None]


@dataclass
class World:
    """The good files, and the model that is loaded once for all cases."""

    folder: Path
    audio: list[Path]
    families: dict[str, seeds.Family]
    separator: Any
    records: list[tuple[Path, bytes]]
    """The files beside finished stems."""

    @classmethod
    def build(cls, folder: Path) -> World:
        """Write the good files below a folder."""
        from unmixcli import Separator

        good = folder / "good"
        good.mkdir(parents=True)
        audio = seeds.audio(good)
        separator = Separator(model="umx-synth", niter=0, outdir=folder / "done")
        separator.separate_file(audio[0])
        records = [(path, path.read_bytes()) for path in (folder / "done").rglob(".*.json")]
        return cls(folder, audio, seeds.families(), separator, records)


def audio(world: World, random: Random, folder: Path) -> Case:
    """Separate a damaged recording: whole stems or none, all finite."""
    good = random.choice(world.audio)
    path = folder / f"x{good.suffix}"
    path.write_bytes(damage(good.read_bytes(), random))

    def case() -> None:
        import soundfile

        os.chdir(folder)
        separator = world.separator
        order = separator.order
        separator.order = replace(order, namer=replace(order.namer, outdir=folder / "out"))
        try:
            track = separator.separate_file(path)
        except UnmixError:
            _no_files(folder / "out")
            raise
        for stem in track.stems.values():
            samples, rate = soundfile.read(stem)
            if not np.isfinite(samples).all() or rate != track.sample_rate:
                raise BrokenPromise(f"{stem} has samples that are no sound")
            if abs(len(samples) / rate - track.seconds) > 1e-3:
                raise BrokenPromise(f"{stem} is {len(samples)} samples long")

    return case


def checkpoint(world: World, random: Random, folder: Path) -> Case:
    """Load a damaged checkpoint and separate with what loads."""
    family = world.families[random.choice(list(world.families))]
    suffix = random.choice(family.suffixes)
    path = folder / f"x{suffix}"
    damage_tensors = random.random() < 0.5
    state = damage_state(family.state, random) if damage_tensors else family.state
    try:
        write_state(state, path, random.random() < 0.2, family.metadata, family.package)
    except Exception:  # what cannot be written needs no reading
        write_state(family.state, path, False, family.metadata, family.package)
    if not damage_tensors:
        path.write_bytes(damage_checkpoint(path.read_bytes(), suffix, random))
    card = family.card(path)
    return lambda: _load_and_separate(card, {w.file: path for w in card.weights})


def description(world: World, random: Random, folder: Path) -> Case:
    """Load a folder whose description is damaged: JSON or YAML."""
    name = random.choice([name for name, f in world.families.items() if f.description])
    family = world.families[name]
    if name == "joint":
        write_state(family.state, folder / "joint.safetensors", metadata=family.metadata)
        path, text = folder / "separator.json", json.dumps(family.description)
    elif name == "openunmix":
        write_state(family.state, folder / "vocals.pth")
        path, text = folder / "vocals.json", json.dumps(family.description)
    else:
        write_state(family.state, folder / "x.ckpt")
        path, text = folder / "x.yaml", yaml.safe_dump(family.description)
    path.write_bytes(damage_text(text.encode(), random))

    def case() -> None:
        from unmixcli.models.registry import Registry

        card = Registry(entry_points=seeds.entry_points()).resolve(str(folder)).card
        _load_and_separate(card, {w.file: w.path for w in card.weights})

    return case


def _load_and_separate(card: Any, files: dict[str, Any]) -> None:
    from unmixcli.models.contract import Contract
    from unmixcli.models.interface import Request, ignore

    plugin: Any = next(e for e in seeds.entry_points() if e.name == card.plugin).load()
    model = plugin.load(card, files, card.estimated, "cpu")
    channels = model.channels or 2
    samples = np.random.default_rng(0).normal(0, 0.1, (channels, 3000)).astype(np.float32)
    from streams import ArrayMixture

    mixture = ArrayMixture(samples, 1000, model.sample_rate)
    options = getattr(plugin, "options", None)
    request: Any = Request(options() if options else None)
    contract = Contract(card.name, card.plugin, len(card.estimated), channels, 3000)
    for _ in contract.enforce(lambda: model.separate(mixture, request, ignore)):
        pass


def settings(world: World, random: Random, folder: Path) -> Case:
    """Read a damaged catalogue and damaged defaults, and list what is known."""
    for name, text in (("models.toml", seeds.CATALOGUE), ("config.toml", seeds.SETTINGS)):
        (folder / name).write_bytes(damage_text(text.encode(), random))

    def case() -> None:
        from unmixcli.cli.models_result import describe
        from unmixcli.models.registry import Registry
        from unmixcli.models.store import Store
        from unmixcli.options.settings import Settings

        os.environ["UNMIX_HOME"] = str(folder)
        registry = Registry(entry_points=seeds.entry_points())
        for known in registry.models:
            describe(Store(), known)
        Settings.load().config()

    return case


def record(world: World, random: Random, folder: Path) -> Case:
    """Go on in a folder with a damaged record, lease or notes of a download."""
    done = folder / "done"
    shutil.copytree(world.folder / "done", done)
    path, data = random.choice(world.records)
    (done / path.relative_to(world.folder / "done")).write_bytes(damage_text(data, random))
    lease = done / path.relative_to(world.folder / "done").parent / f"{path.name}.lease"
    if random.random() < 0.3:
        lease.write_bytes(damage_text(seeds.RECORD.encode(), random))
        os.utime(lease, (0, 0))

    def case() -> None:
        from contextlib import nullcontext

        from unmixcli.errors import UnmixError
        from unmixcli.models.interface import ignore
        from unmixcli.models.store import silent
        from unmixcli.options.config import SeparationConfig
        from unmixcli.separation.batch import Batch

        os.chdir(folder)
        wanted = {"model": "umx-synth", "niter": 0, "outdir": done, "skip_existing": True}
        config = SeparationConfig.parse(**wanted)
        batch = Batch(config, lambda _: nullcontext(ignore), lambda: nullcontext(silent))
        batch.executor.separator = world.separator
        for outcome in batch.run([world.audio[0], done]):
            result = outcome.result
            if isinstance(result, UnmixError) and "could not be separated" in str(result):
                raise BrokenPromise(str(result))
        if not all(stem.exists() for stem in (done / "a").glob("*.wav")):
            raise BrokenPromise("a stem is lost")

    return case


REPLIES = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: "abc"\r\nLast-Modified: Wed, 21 Oct 2015 '
    b"07:28:00 GMT\r\nContent-Type: application/octet-stream\r\n\r\n%s",
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2500-4999/5000\r\nContent-Length: 2500"
    b'\r\nETag: "abc"\r\n\r\n',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9c4\r\n%s\r\n0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Slow down\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 416 No\r\nContent-Range: bytes */5000\r\nContent-Length: 0\r\n\r\n",
)


def reply(world: World, random: Random, folder: Path) -> Case:
    """Fetch from a server that answers with damaged replies, and go on from damaged notes."""
    from toys import IMPATIENT, card_for, some_bytes

    data = some_bytes(5000)
    answers = [damage(random.choice(REPLIES).replace(b"%s", data), random) for _ in range(4)]
    known = random.choice(("sha256", "prefix", "nothing"))
    policy = replace(IMPATIENT, backoff=0.0, longest_wait=0.1, largest=20_000)
    notes = damage_text(seeds.NOTES.encode(), random)

    def case() -> None:
        from unmixcli.models.store import Store

        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_answer, args=(server, answers), daemon=True).start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            card = card_for({"x.pth": data}, url, known=known)
            store = Store(folder / "store", policy)
            place = store.place(card, card.weights[0])
            place.folder.mkdir(parents=True)
            place.part.write_bytes(data[:2500])
            place.part_notes.write_bytes(notes)
            path = store.ensure(card, card.weights)["x.pth"]
            if known == "sha256" and path.read_bytes() != data:
                raise BrokenPromise("a file with wrong bytes was accepted")
            if path.stat().st_size > 20_000:
                raise BrokenPromise("more came than may")

    return case


def _answer(server: socket.socket, answers: list[bytes]) -> None:
    for answer in answers * 9:
        try:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
        except OSError:
            return


def _no_files(folder: Path) -> None:
    left = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    if left:
        raise BrokenPromise(f"{left[0]} was left behind by a recording that was refused")


KINDS: dict[str, tuple[Callable[[World, Random, Path], Case], int]] = {
    "audio": (audio, 5),
    "checkpoint": (checkpoint, 4),
    "description": (description, 3),
    "settings": (settings, 2),
    "record": (record, 2),
    "reply": (reply, 2),
}
"""By name: what makes a case, and its share of all cases."""
