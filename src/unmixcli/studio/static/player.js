// A song: its player, which is the page that was written beside its stems, and saving.

import { get } from "./api.js";
import { find, h, icon } from "./dom.js";
import { saveFrom } from "./saving.js";
import { finished, store, subscribe } from "./store.js";
import { texts } from "./texts.js";

/** Show the player of a job of a song; returns how to end. */
export function showSong(main, id, wanted) {
  const bar = h("div", { class: "bar" });
  const frame = h("iframe", { class: "player", allow: "autoplay" });
  const nothing = h("p", { class: "nothing", hidden: true });
  main.replaceChildren(bar, nothing, frame);
  main.setAttribute("aria-busy", "true");
  frame.addEventListener("load", () => main.removeAttribute("aria-busy"));
  let shown = "";

  function show(song) {
    const jobs = finished(song);
    const job = jobs.find((one) => one.id === wanted) ?? jobs[0];
    document.title = `${song.title} – ${texts.name}`;
    const back = h("a", { class: "button plain", href: "#/" }, icon("back"), texts.back);
    nothing.hidden = Boolean(job);
    frame.hidden = !job;
    if (!job) {
      nothing.textContent = texts.notYet;
      bar.replaceChildren(back);
      return;
    }
    if (shown !== job.id) {
      shown = job.id;
      frame.title = texts.player(song.title);
      frame.src = job.page;
    }
    const others = jobs.map((one) => h("a", {
      class: "chip", href: `#/song/${song.id}/${one.id}`, title: one.made_by,
      "aria-current": one === job ? "page" : null,
    }, texts.what(one)));
    bar.replaceChildren(
      back,
      h("h1", { class: "spoken" }, song.title),
      h("nav", { class: "chips", "aria-label": texts.results }, ...others),
      h("button", {
        type: "button", class: "primary", onclick: () => saveFrom(song, job, levels),
      }, icon("save"), texts.save),
    );
  }

  // What the player plays of each stem now.
  const levels = () => frame.contentWindow?.unmix?.levels ?? {};

  const known = store.songs.get(id);
  if (known) show(known);
  get(`/api/songs/${id}`).then(show, () => {
    frame.hidden = true;
    nothing.hidden = false;
    nothing.textContent = texts.notThere;
    bar.replaceChildren(h("a", { class: "button plain", href: "#/" }, icon("back"), texts.back));
    find("main").removeAttribute("aria-busy");
  });
  return subscribe((kind, data) => { if (kind === "song" && data.id === id) show(data); });
}
