// What the page knows: songs with their jobs, and how the current job is coming on. Kept fresh
// by the events of the server; who shows it subscribes.

import { get, Refusal } from "./api.js";

const listeners = new Set();
let news = 0;           // counts what the server told
const PATIENCE = 1500;  // milliseconds without the server before the page says so

export const store = {
  /** @type {Map<string, any>} in the order of the list */
  songs: new Map(),
  count: 0,
  unfinished: 0,
  search: "",
  loaded: false,
  progress: null,
  /** @type {"fine" | "offline" | "locked"} */
  state: "fine",
  chosen: new Set(),
};

/** Be told of changes, with their kind and what they are about; returns how to stop. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function tell(kind, data) {
  for (const listener of [...listeners]) listener(kind, data);
}

/** Load the songs that match the search: the first ones, or those after the ones that are here. */
export async function load(more = false) {
  const { search } = store;
  const first = more ? store.songs.size : 0;
  const before = news;
  const query = new URLSearchParams({ search, first: String(first) });
  const [page, status] = await Promise.all([get(`/api/songs?${query}`), get("/api/status")]);
  if (search !== store.search) return;  // something else is wanted meanwhile
  if (news !== before && !more) {  // the answer may be older than what is known
    await load();
    return;
  }
  if (!more) store.songs.clear();
  for (const song of page.songs) store.songs.set(song.id, song);
  Object.assign(store, {
    count: page.count, unfinished: status.unfinished, progress: status.progress, loaded: true,
  });
  tell("all");
}

const newest = (song) => song.jobs[0];
const isActive = (job) => job && (job.state === "waiting" || job.state === "working");

export const active = (song) => song.jobs.find((job) => job.state === "working")
  ?? song.jobs.find(isActive);
export const finished = (song) => song.jobs.filter((job) => job.state === "done");
export const isNew = (song) => song.jobs.length === 0;
export const isBroken = (song) => !active(song)
  && ["failed", "cancelled"].includes(newest(song)?.state);

const recount = async () => {
  store.unfinished = (await get("/api/status")).unfinished;
  tell("progress");
};

/** Keep a song; a new one comes first. Returns whether it is new here. */
export function put(song) {
  news += 1;
  const isNewHere = !store.songs.has(song.id);
  if (isNewHere) {
    store.songs = new Map([[song.id, song], ...store.songs]);
    store.count += 1;
  } else store.songs.set(song.id, song);
  return isNewHere;
}

const handlers = {
  song(song) {
    if (!store.songs.has(song.id) && store.search) return;
    tell(put(song) ? "all" : "song", song);
  },
  job(job) {
    news += 1;
    const song = store.songs.get(job.song);
    recount().catch(() => {});
    if (!song) return;
    const old = song.jobs.findIndex((other) => other.id === job.id);
    if (old >= 0) song.jobs[old] = job;
    else song.jobs.unshift(job);
    tell("song", song);
    tell("job", job);
  },
  progress(progress) {
    store.progress = progress;
    tell("progress");
  },
  gone({ id }) {
    news += 1;
    if (store.songs.delete(id)) store.count -= 1;
    store.chosen.delete(id);
    tell("all");
  },
  model: (model) => tell("model", model),
};

function setState(state) {
  if (store.state === state) return;
  store.state = state;
  tell("state");
}

/** Listen to the server for ever; after an interruption everything is loaded anew. */
export function listen() {
  const source = new EventSource("/api/events");
  let trouble = 0;
  const fine = () => { clearTimeout(trouble); trouble = 0; setState("fine"); };
  source.addEventListener("hello", () => { fine(); load().catch(() => {}); });
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  source.onerror = () => {
    trouble ||= setTimeout(() => setState("offline"), PATIENCE);
    if (source.readyState !== EventSource.CLOSED) return;  // the browser tries again by itself
    source.close();
    get("/api/status").then(() => "fine", (error) => (
      error instanceof Refusal && error.status === 401 ? "locked" : "offline"))
      .then((state) => {
        clearTimeout(trouble);
        if (state !== "fine") setState(state);
        setTimeout(listen, 2000);
      });
  };
}
