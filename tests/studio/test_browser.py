"""The studio in a real browser, served by a process of its own, as its user has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from browsing import wait
from studios import MODEL, Server, add, alive, ended, read, serving, song, until

HOSTILE = "<img src=x onerror=document.title='taken'> & <b>co</b>"
DROP = """async ([names, contents]) => {
  const data = new DataTransfer();
  names.forEach((name, n) => data.items.add(new File(
    [Uint8Array.from(atob(contents[n]), (c) => c.charCodeAt(0))], name, { type: "audio/flac" })));
  for (const type of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(
      new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector(".song progress");
    if (bar?.hasAttribute("value")) window.seen.push(bar.value);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
"""Remember every value of the bar of the song that is being separated."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


class Tab:
    """A page of the studio, and what it complained of."""

    def __init__(self, browser: Any, server: Server, **options: Any) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        self.context.set_default_timeout(120_000)  # a busy machine is slow
        self.page = self.context.new_page()
        self.page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(server.address)
        wait(self.page, "!document.getElementById('main').hasAttribute('aria-busy')", 120)

    def drop(self, *paths: Path) -> None:
        contents = [base64.b64encode(path.read_bytes()).decode() for path in paths]
        self.page.evaluate(DROP, [[path.name for path in paths], contents])

    def row(self, title: str) -> Any:
        return self.page.locator(".song", has=self.page.get_by_role("heading", name=title))

    def choose_model(self) -> None:
        self.page.click("text=Choose the model yourself")
        self.page.get_by_role("radio", name=MODEL).check()
        wait(self.page, "!document.querySelector('.setup .primary').disabled", 120)

    def flaws(self) -> list[str]:
        """What axe finds against this page as it is."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright")
        found = axe.Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def tab(browser: Any, server: Server) -> Iterator[Tab]:
    tab = Tab(browser, server)
    yield tab
    tab.close()


def program(server: Server) -> httpx.Client:
    """A program that has the token."""
    headers = {"authorization": f"Bearer {server.token}"}
    return httpx.Client(base_url=server.root, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A song that is separated."""
    path = song(tmp_path_factory.mktemp("made") / "made.flac", 2.0, 5, title="Made", artist="Änne")
    with program(server) as client:
        found = add(client, path, model=MODEL)
        return found | {"job": ended(client, found["jobs"][0])}


def test_a_dropped_song_is_separated(tab: Tab, server: Server, tmp_path: Path) -> None:
    page = tab.page
    assert page.get_by_role("heading", name="Drop songs here").is_visible()
    assert tab.flaws() == []
    assert "token" not in page.url and page.evaluate("document.cookie") == ""
    tab.drop(song(tmp_path / "song.flac", 3.0, title=HOSTILE, artist="Ann & Bob"))
    page.get_by_role("heading", name="What do you want from 1 song?").wait_for()
    assert tab.row(HOSTILE).locator("h2").inner_text() == HOSTILE
    page.evaluate(WATCH)
    tab.choose_model()
    assert tab.flaws() == []
    page.get_by_role("button", name="Separate 1 song").click()
    tab.row(HOSTILE).get_by_role("link", name="Listen").last.wait_for()
    seen = page.evaluate("window.seen")
    assert seen == sorted(seen) and seen[-1] > 0.8
    assert "is separated" in page.inner_text("#spoken")
    assert tab.flaws() == []
    assert tab.complaints == []
    assert page.title() == "unmix studio"  # nothing of the title ran


def test_listening_and_saving_what_is_heard(
    tab: Tab, server: Server, made: dict[str, Any], tmp_path: Path
) -> None:
    page = tab.page
    page.get_by_role("link", name="Listen to Made").last.click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Solo drums").click()
    player = page.frames[-1]
    frame.get_by_role("button", name="Loop", exact=True).click()
    wait(player, "unmix.loop.on && unmix.stems[1].solo.ariaPressed === 'true'")
    frame.get_by_role("button", name="Play").click()
    wait(player, "unmix.now() > 0.05", 120)
    frame.get_by_role("button", name="Pause").click()
    frame.get_by_role("slider", name="Volume of drums").fill("50")
    frame.get_by_role("button", name="Solo drums").click()
    assert tab.flaws() == []
    page.get_by_role("button", name="Save…").click()
    assert tab.flaws() == []
    page.get_by_label("What").select_option(label="The mix as set in the player")
    page.get_by_label("Format").select_option(label="WAV, 24 bits")
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
    assert download.value.suggested_filename == "Made (mix).wav"
    download.value.save_as(tmp_path / "mix.wav")
    folder = server.home / "studio" / "made" / MODEL
    stems = {n: read((folder / f"{n}.flac").read_bytes()) for n in made["job"]["stems"]}
    expected = sum((0.25 if n == "drums" else 1) * samples for n, samples in stems.items())
    mix = read((tmp_path / "mix.wav").read_bytes())
    assert mix.shape == expected.shape
    assert np.abs(mix - expected / max(1, np.abs(expected).max())).max() < 1e-5
    page.reload()
    page.get_by_role("button", name="Save…").wait_for()
    assert page.title() == "Made – unmix studio"
    assert tab.complaints == []
    own = server.root.removeprefix("http://")
    asked = [url for url in tab.asked if not url.startswith(("data:", "blob:"))]
    assert {url.split("/")[2] for url in asked} == {own}  # no external request at all


def test_a_killed_studio_goes_on_where_it_was(
    tab: Tab, server: Server, made: dict[str, Any], tmp_path: Path
) -> None:
    page = tab.page
    with program(server) as client:
        add(client, song(tmp_path / "next.flac", 8, seed=2, title="Next"), model=MODEL)
    tab.row("Next").get_by_role("button", name="Cancel").wait_for()
    assert tab.flaws() == []
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    server.kill()
    page.get_by_text("The studio does not answer").wait_for()
    assert tab.flaws() == []
    until(lambda: not any(alive(int(pid)) for pid in children.split()))
    server.start()
    page.goto(server.address)
    page.get_by_role("searchbox", name="Search songs").fill("änne made")
    wait(page, "document.querySelectorAll('.song').length === 1", 120)
    tab.row("Made").get_by_role("link", name="Listen").first.wait_for()
    page.get_by_role("searchbox", name="Search songs").fill("")
    tab.row("Next").get_by_role("link", name="Listen").last.wait_for()


def test_a_page_of_before_the_restart_says_so(browser: Any, tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        tab = Tab(browser, server)
        port = server.root.rpartition(":")[2]
        server.kill()
        server._arguments = ("--port", port)
        server.start()
        tab.page.get_by_text("The studio was started anew").wait_for()
        tab.page.goto(server.root)
        assert tab.page.get_by_role("heading", name="This door needs a key").is_visible()
        assert tab.flaws() == []
        tab.page.goto(server.address)
        tab.page.get_by_role("heading", name="Drop songs here").wait_for()
        tab.close()
        assert server.stop()[0] in (0, 143)


def test_what_is_no_recording_is_said(tab: Tab, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("no sound")
    tab.drop(tmp_path / "notes.wav")
    notice = tab.page.get_by_text("notes.wav was not added")
    notice.wait_for()
    tab.page.get_by_role("button", name="Dismiss").click()
    assert notice.count() == 0


def test_everything_works_with_the_keyboard(tab: Tab, tmp_path: Path) -> None:
    """A song is chosen, a goal set, and the removal asked and called off, without a mouse."""
    page, press = tab.page, tab.page.keyboard.press
    press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    tab.drop(song(tmp_path / "keys.flac", 0.2, seed=9, title="Keys"))
    tab.row("Keys").wait_for()
    labels = []
    for _ in range(40):
        press("Tab")
        label = page.evaluate(
            """() => { const e = document.activeElement; return e === document.body ? ""
              : e.ariaLabel || e.labels?.[0]?.innerText || e.innerText; }"""
        )
        labels.append(label.split("\n")[0])
        if label == "Remove Keys":
            break
    for wanted in ("Choose files", "Four stems", "Normal", "Choose Keys"):
        assert wanted in labels
    press("Enter")
    page.get_by_role("dialog").wait_for()
    press("Escape")
    assert page.get_by_role("dialog").count() == 0
    assert page.evaluate("document.activeElement.ariaLabel") == "Remove Keys"
    page.get_by_role("radio", name="Four stems").focus()
    press("ArrowRight")
    assert page.get_by_role("radio", name="Six stems").is_checked()
    wait(page, "document.querySelector('.plan').textContent.startsWith('Uses')", 120)
    page.get_by_role("checkbox", name="Choose Keys").press("Space")
    assert not page.get_by_role("heading", name="What do you want").is_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_axe_finds_nothing(
    browser: Any, server: Server, tmp_path: Path, width: int, scheme: str
) -> None:
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    tab = Tab(browser, server, **options)
    page = tab.page
    tab.drop(song(tmp_path / "fit.flac", 0.1, seed=11, title="Longtitle" * 12))
    page.get_by_role("heading", name="What do you want").wait_for()
    wait(page, "document.querySelector('.plan').textContent.startsWith('Uses')", 120)
    for address in ("#/", "#/models"):
        page.goto(f"{server.root}/{address}")
        page.get_by_role("link", name="Models").wait_for()
        if address == "#/models":
            page.locator("table").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.flaws() == []
    assert tab.complaints == []
    tab.close()


def test_another_site_gets_nothing(browser: Any, server: Server, tmp_path: Path) -> None:
    """A web page that knows the port, in the browser that has the cookie."""
    tab = Tab(browser, server)
    evil = tab.context.new_page()
    evil.route("http://evil.example/", lambda route: route.fulfill(body="<p>hello", status=200))
    evil.goto("http://evil.example/")
    result = evil.evaluate(
        """async (root) => {
          const tries = {};
          const ask = async (name, path, options) => {
            try { tries[name] = (await fetch(root + path, options)).status; }
            catch (error) { tries[name] = "refused"; }
          };
          await ask("read", "/api/songs", { credentials: "include" });
          await ask("write", "/api/songs?name=x.wav",
            { method: "POST", body: "x", credentials: "include", mode: "no-cors" });
          await ask("remove", "/api/songs/1", { method: "DELETE", credentials: "include" });
          const loads = (tag, property, path) => new Promise((resolve) => {
            const element = document.createElement(tag);
            element.onload = () => resolve("loaded");
            element.onerror = () => resolve("refused");
            element[property] = root + path;
            document.body.append(element);
          });
          tries.script = await loads("script", "src", "/static/main.js");
          tries.image = await loads("img", "src", "/static/icon.svg");
          return tries;
        }""",
        server.root,
    )
    assert result.pop("write") in (0, "refused")
    assert set(result.values()) == {"refused"}
    frame = evil.evaluate(
        """(root) => new Promise((resolve) => {
          const frame = document.createElement("iframe");
          frame.src = root + "/";
          frame.onload = () => { try { resolve(String(frame.contentDocument)); }
            catch (error) { resolve("closed"); } };
          document.body.append(frame);
        })""",
        server.root,
    )
    assert frame in ("closed", "null")
    with program(server) as client:
        names = [one["name"] for one in client.get("/api/songs").json()["songs"]]
    assert "x.wav" not in names
    tab.close()


def test_a_program_submits_listens_and_fetches(server: Server, tmp_path: Path) -> None:
    """As docs/studio.md has it."""
    with program(server) as client, client.stream("GET", "/api/events") as stream:
        found = add(client, song(tmp_path / "program.flac", 0.3, seed=21), model=MODEL)
        job: dict[str, Any] = {}
        kind = ""
        for line in stream.iter_lines():
            if kind == "event: job":
                job = json.loads(line.removeprefix("data: "))
                assert job["song"] == found["id"] and job["state"] != "failed"
                if job["state"] == "done":
                    break
            kind = line
        stem = client.get(f"/api/jobs/{job['id']}/stems/vocals")
        assert read(stem.content).shape == (2, 13230)
        assert "/api/songs" in client.get("/api/openapi.json").json()["paths"]
