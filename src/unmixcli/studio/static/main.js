// The start: which view the address asks for, and what stands around it.

import { complain, find, h } from "./dom.js";
import { listen, load, store, subscribe } from "./store.js";
import { texts } from "./texts.js";
import { takeDrops } from "./uploads.js";
import { showSongs } from "./songs.js";

// The address has the token once; the cookie has taken its place.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);

document.body.prepend(h("a", { class: "skip", href: "#main", onclick: skip }, texts.skip));
const links = {
  songs: h("a", { href: "#/" }, texts.songs),
  models: h("a", { href: "#/models" }, texts.models),
};
find("nav").setAttribute("aria-label", texts.nav);
find("nav").append(links.songs, links.models);

function skip(event) {
  event.preventDefault();
  find("main").focus();
}

let end = () => {};
let first = true;
async function route() {
  const [, view = "", song, job] = location.hash.split("/");
  end();
  end = () => {};
  const main = find("main");
  main.className = view === "song" ? "listening" : "";
  for (const [name, link] of Object.entries(links)) {
    if ((view || "songs") === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "song") end = (await import("./player.js")).showSong(main, song, job);
  else if (view === "models") end = (await import("./models.js")).showModels(main);
  else end = showSongs(main);
  if (!first) main.focus();
  first = false;
}

const trouble = h("p", { class: "notice trouble", hidden: true });
find("alerts").before(trouble);
trouble.setAttribute("role", "alert");
subscribe((kind) => {
  if (kind !== "state") return;
  trouble.hidden = store.state === "fine";
  trouble.textContent = store.state === "fine" ? "" : texts[store.state];
});

window.addEventListener("hashchange", route);
takeDrops();
route();
listen();
load().catch((error) => complain(texts.failedToLoad(error.message), texts.dismiss));
