// The list of songs, with what is added above it, and what is wanted from the chosen ones.

import { complain, h, icon, resting, say } from "./dom.js";
import { Row } from "./row.js";
import { Setup } from "./setup.js";
import { load, store, subscribe } from "./store.js";
import { texts } from "./texts.js";
import { choose, uploads } from "./uploads.js";

let most = 0;  // jobs in the queue since it was last empty

/** Show the songs; returns how to end. */
export function showSongs(main) {
  const rows = new Map();
  const setup = new Setup();
  const drop = h("section", { class: "drop" });
  const coming = h("div", { class: "coming" });
  const overall = h("section", { class: "overall", hidden: true });
  const bar = h("progress", { max: 1 });
  const told = h("p", {});
  overall.append(told, bar);
  const list = h("ul", { class: "songs" });
  const count = h("p", { class: "quiet" });
  const nothing = h("p", { class: "nothing", hidden: true });
  const search = h("input", {
    type: "search", "aria-label": texts.search, placeholder: texts.search, value: store.search,
    autocomplete: "off",
  });
  const more = h("button", { type: "button", hidden: true, onclick: () => load(true) }, texts.more);
  const seek = resting(150, () => {
    store.search = search.value.trim();
    load().catch((error) => complain(texts.failedToLoad(error.message), texts.dismiss));
  });
  search.addEventListener("input", seek);
  const finder = h("div", { class: "finder" }, search, count);
  const library = h("section", { "aria-labelledby": "songs-title" },
    h("h1", { id: "songs-title", class: "spoken" }, texts.songs), finder, list, nothing, more);
  main.replaceChildren(drop, coming, setup.element, overall, library);

  function showDrop() {
    const isEmpty = store.loaded && !store.songs.size && !store.search;
    drop.classList.toggle("large", isEmpty);
    const buttons = [
      h("button", { type: "button", class: isEmpty ? "primary" : "", onclick: () => choose(false) },
        texts.chooseFiles),
      h("button", { type: "button", onclick: () => choose(true) }, texts.chooseFolder),
    ];
    drop.replaceChildren(...(isEmpty
      ? [icon("add"), h("h2", {}, texts.dropHere), h("p", { class: "quiet" }, texts.private),
        h("div", { class: "buttons" }, ...buttons)]
      : [h("p", { class: "quiet" }, texts.dropMore), ...buttons]));
    finder.hidden = isEmpty || !store.loaded;
  }

  function showUploads() {
    const lines = [...uploads.running].map(({ file, fraction }) => h("div", { class: "upload" },
      h("span", {}, texts.adding(file.name)),
      h("progress", { max: 1, value: fraction, "aria-label": texts.adding(file.name) })));
    if (uploads.waiting.length) {
      lines.push(h("p", { class: "quiet" }, texts.queued(uploads.waiting.length)));
    }
    coming.replaceChildren(...lines);
  }

  function showProgress() {
    const { progress, unfinished } = store;
    overall.hidden = unfinished === 0;
    if (unfinished) {
      const left = progress?.all_left;
      told.textContent = [texts.overall(unfinished), left ? texts.left(left) : ""]
        .filter(Boolean).join(" · ");
      bar.setAttribute("aria-label", texts.overall(unfinished));
      most = Math.max(most, unfinished);
      const part = progress && progress.stage !== "fetching" ? progress.fraction : 0;
      bar.value = (most - unfinished + part) / most;
    } else most = 0;
    for (const row of rows.values()) row.showProgress();
  }

  function showAll() {
    for (const id of rows.keys()) if (!store.songs.has(id)) rows.delete(id);
    for (const [id, song] of store.songs) {
      if (rows.has(id)) rows.get(id).update();
      else rows.set(id, new Row(song));
    }
    const wanted = [...store.songs.keys()].map((id) => rows.get(id).element);
    const same = wanted.length === list.children.length
      && wanted.every((element, n) => list.children[n] === element);
    if (!same) {
      const focus = document.activeElement;
      list.replaceChildren(...wanted);
      if (list.contains(focus)) focus.focus();
    }
    if (store.loaded) main.removeAttribute("aria-busy");
    count.textContent = store.loaded ? texts.found(store.count) : "";
    more.hidden = store.songs.size >= store.count;
    nothing.hidden = !store.search || store.songs.size > 0;
    nothing.textContent = texts.nothingMatches(store.search);
    showDrop();
    setup.update();
    showProgress();
  }

  function tellOf(job) {
    const song = store.songs.get(job.song);
    if (job.state === "done") say(texts.separated(song.title));
    if (job.state === "failed") say(texts.failedOf(song.title, job.error));
  }

  const end = subscribe((kind, data) => {
    if (kind === "all") showAll();
    else if (kind === "song") { rows.get(data.id)?.update(); setup.update(); }
    else if (kind === "chosen") { for (const row of rows.values()) row.update(); setup.update(); }
    else if (kind === "progress") showProgress();
    else if (kind === "uploads") showUploads();
    else if (kind === "job") tellOf(data);
  });
  if (store.search) load().catch(() => {});
  showAll();
  showUploads();
  document.title = texts.name;
  return () => { end(); setup.end(); };
}
