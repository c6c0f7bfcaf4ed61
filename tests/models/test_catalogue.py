"""The catalogue: the built-in models, and the messages about mistakes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from unmixcli.errors import ModelError
from unmixcli.models.cards import ModelCard, Name, Weights
from unmixcli.models.catalogue import read_catalogue, shipped_cards, shipped_file
from unmixcli.models.loading import check
from unmixcli.models.registry import Registry

TABLE = """
[mine]
plugin = "toy"
targets = ["vocals", "drums"]
sample_rate = 44100
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def shipped() -> dict[str, ModelCard]:
    return {
        c.name: c for plugin in ("openunmix", "demucs", "hdemucs") for c in shipped_cards(plugin)
    }


def test_what_ships():
    cards = shipped()
    assert {"umxhq", "umx", "umxl", "umxse", "hdemucs", "htdemucs", "hdemucs_mmi"} <= set(cards)
    vocals = cards["umxhq"].weights[0]
    assert vocals.file == "vocals-b62c91ce.pth" and vocals.size == 35_637_796
    assert vocals.urls == (
        "https://zenodo.org/records/3370489/files/vocals-b62c91ce.pth?download=1",
        "https://zenodo.org/api/records/3370489/files/vocals-b62c91ce.pth/content",
    )
    assert cards["umxhq"].quality["drums"] == 6.04
    assert "not for commercial use" in cards["umxl"].restriction
    assert "not for commercial use" in cards["hdemucs"].restriction
    assert not cards["umxhq"].restriction


def test_every_published_file_has_a_digest_that_agrees_with_its_name():
    for card in shipped().values():
        for weights in card.weights:
            if weights.package_file:
                continue
            assert weights.sha256 or weights.sha512 or weights.sha256_prefix
            digits = Path(weights.file).stem.replace("_", "-").split("-")[-1]
            if len(digits) == 8:
                known = weights.sha256 or weights.sha256_prefix or digits
                assert known.startswith(digits)


def test_every_model_resolves_and_is_complete():
    registry = Registry()
    assert not registry.problems
    for known in registry.models:
        card = known.card
        assert registry.resolve(card.name) is known
        check(known)
        assert card.licence and card.title
        assert card.licensed or card.restriction  # nobody has to guess what that means
        assert card.cost
        assert bool(card.quality_on) == bool(card.yardstick)
        assert len({t.casefold() for t in card.targets}) == len(card.targets)
        assert card.rest is None or card.rest in card.usual
        for weights in card.weights:
            assert weights.size or weights.about_size
            assert all(urlsplit(url).scheme == "https" for url in weights.urls)
            assert len(set(weights.urls)) == len(weights.urls)
    # Some combinations need models of families that may be missing.
    there = {known.card.name for known in registry.models}
    assert {card.name for card in read_catalogue(shipped_file())} <= there


def test_the_same_yardstick_has_one_name():
    names: dict[str, str] = {}
    for card in read_catalogue(shipped_file()):
        assert names.setdefault(card.quality_on, card.yardstick) == card.yardstick


def test_models_of_many_heads_write_a_few():
    mega = {card.name: card for card in shipped_cards("roformer")}["mvsep-mega"]
    assert mega.usual == ("vocals", "drums", "bass", "guitar", "piano", "other")
    assert mega.whole == mega.usual[:-1] and mega.rest == "other"
    assert mega.needed(["kick", "other"]) == ("vocals", "drums", "kick", "bass", "guitar", "piano")
    assert mega.needed(["kick"]) == ("kick",)


def test_like_inherits_only_what_fits(tmp_path):
    path = written(
        tmp_path,
        TABLE.replace('"drums"]', '"drums", "kick", "rest"]')
        + """
rest = "rest"
default_targets = ["vocals", "rest"]
[kicks]
like = "mine"
targets = ["kick", "drums"]
[same]
like = "mine"
title = "Same"
""",
    )
    _, kicks, same = read_catalogue(path)
    assert kicks.rest is None and kicks.usual == ("kick", "drums")
    assert same.rest == "rest" and same.usual == ("vocals", "rest")


def test_files_for_some_targets():
    umxhq = shipped()["umxhq"]
    assert [w.file for w in umxhq.files_for(["drums"])] == ["drums-9619578f.pth"]
    hdemucs = shipped()["hdemucs"]
    assert len(hdemucs.files_for(["drums"])) == 1
    bag = shipped()["htdemucs_ft"]
    assert [w.file for w in bag.files_for(["vocals"])] == ["04573f0d-f3cf25b2.th"]
    assert len(bag.files_for(bag.targets)) == 4


def test_mirrors_paths_and_like(tmp_path):
    path = written(
        tmp_path,
        TABLE.replace('plugin = "toy"', 'plugin = "toy"\nmirrors = ["https://x.org/{file}?a=1"]')
        + """
[[mine.weights]]
file = "a+b.pth"
targets = ["vocals"]
urls = ["https://y.org/z"]
[[mine.weights]]
file = "c.pth"
path = "sub/c.pth"
targets = ["drums"]
[finer]
like = "mine"
title = "Finer"
[[finer.weights]]
file = "v.pth"
path = "~/v.pth"
targets = ["vocals"]
""",
    )
    mine, finer = read_catalogue(path)
    assert mine.weights[0].urls == ("https://x.org/a%2Bb.pth?a=1", "https://y.org/z")
    assert mine.weights[1].path == tmp_path / "sub" / "c.pth"
    assert finer.targets == ("vocals",) and finer.plugin == "toy" and finer.sample_rate == 44100
    assert finer.weights[0].path == Path("~/v.pth").expanduser()


MISTAKES = {
    "not TOML": (
        "[mine\n",
        r"models.toml cannot be read: it is not valid TOML: Expected ']'.*line 1",
    ),
    "not UTF-8": ("\udcff", r"it is not UTF-8 text"),
    "no table": ("mine = 1", r"table \[mine\]: a model must be a table"),
    "a key that is not one": (
        TABLE + 'colour = "red"',
        r"table \[mine\], key colour: Extra inputs",
    ),
    "a key that is missing": (
        "[mine]\nplugin = 'toy'\ntargets=['a']",
        r"\[mine\], key sample_rate",
    ),
    "a wrong type": (
        TABLE.replace("44100", '"fast"'),
        r"\[mine\], key sample_rate: Input should be a valid integer",
    ),
    "no targets": (TABLE.replace('"vocals", "drums"', ""), r"\[mine\], key targets: "),
    "a target twice": (TABLE.replace("drums", "Vocals"), r"\[mine\].*'Vocals' is listed twice"),
    "a target that climbs": (TABLE.replace("drums", "../up"), r"\[mine\], key targets.1: "),
    "a model that climbs": (TABLE.replace("mine", '"../up"'), r"'../up' is not a valid model name"),
    "a device of Windows": (
        TABLE.replace("drums", "nul.x"),
        r"targets.1: Windows reserves this name",
    ),
    "a name that ends in a dot": (TABLE.replace("drums", "x."), r"cannot end in a dot"),
    "a default that is no target": (
        TABLE + 'default_targets = ["bass"]',
        r"\[mine\].*default_targets names 'bass', which is not in targets",
    ),
    "quality of what is no target": (
        TABLE + "quality = { bass = 1.0 }",
        r"\[mine\].*quality names 'bass', which is not in targets",
    ),
    "weights for what is no target": (
        TABLE + '[[mine.weights]]\nfile="a"\npath="a"\ntargets=["bass"]',
        r"weights a names 'bass'",
    ),
    "a file that climbs": (
        TABLE + '[[mine.weights]]\nfile="../../.bashrc"\nurls=["https://x.org/a"]',
        r"\[mine\], key weights.0.file: String should match",
    ),
    "a file that hides": (
        TABLE + '[[mine.weights]]\nfile=".a.part"\nurls=["https://x.org/a"]',
        r"\[mine\], key weights.0.file",
    ),
    "no address": (TABLE + '[[mine.weights]]\nfile="a"', r"weights.0: a file needs exactly one of"),
    "an address without TLS": (
        TABLE + '[[mine.weights]]\nfile="a"\nurls=["http://x.org/a"]',
        r"weights.0.urls.0: an address must begin with https://",
    ),
    "an address of a file": (
        TABLE + '[[mine.weights]]\nfile="a"\nurls=["file:///etc/passwd"]',
        r"weights.0.urls.0: an address must begin with https://",
    ),
    "a digest that is cut": (
        TABLE + '[[mine.weights]]\nfile="a"\nurls=["https://x.org/a"]\nsha256="abc"',
        r"weights.0.sha256",
    ),
    "digests that disagree": (
        TABLE + f'[[mine.weights]]\nfile="a"\nurls=["https://x.org/a"]\nsha256="{"0" * 64}"\n'
        'sha256_prefix="11111111"',
        r"sha256 does not begin with sha256_prefix",
    ),
    "a package file that climbs": (
        TABLE + '[[mine.weights]]\nfile="a"\npackage_file="unmixcli:../../x"',
        r"weights.0.package_file: write PACKAGE:PATH",
    ),
    "mirrors without a place for the file": (
        TABLE + 'mirrors=["https://x.org/"]',
        r"\[mine\], key mirrors: write a list of addresses with \{file\}",
    ),
    "a home that is nobody's": (
        TABLE + '[[mine.weights]]\nfile="a"\npath="~no-such-user/x"\nsize=0',
        r"weights.0.size",
    ),
    "like nothing": ('[mine]\nlike = "none"', r"\[mine\], key like: unknown model 'none'"),
    "like a number": ("[mine]\nlike = [1]", r"\[mine\], key like"),
    "weights that are no tables": (TABLE + "weights = 3", r"\[mine\], key weights"),
    "a name of its own": (TABLE + 'name = "x"', r"\[mine\], key name"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_file_table_and_key(tmp_path, mistake):
    text, words = MISTAKES[mistake]
    path = tmp_path / "models.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=words) as caught:
        read_catalogue(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_catalogue_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"cannot read .*No such file"):
        read_catalogue(tmp_path / "none.toml")


@given(st.text(max_size=80))
def test_no_name_leaves_its_folder(name):
    root = Path("/a/b")
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        return
    path = root / name
    assert path.parent == root and ".." not in path.parts and not name.startswith(".")
    assert "\x00" not in name and "\n" not in name and "\\" not in name and ":" not in name


@pytest.mark.parametrize("sources", [{}, {"path": "/x", "urls": ["https://x.org"]}])
def test_a_file_has_one_source(sources):
    with pytest.raises(ValidationError, match=r"exactly one of"):
        Weights(file="x", **sources)


def test_a_package_that_is_not_there():
    weights = Weights(file="x", package_file="no.such.package:x")
    assert weights.local is not None and not weights.local.exists()


def test_prefix_that_fits():
    digest = hashlib.sha256(b"x").hexdigest()
    assert Weights(file="x", path="/x", sha256=digest, sha256_prefix=digest[:8])
