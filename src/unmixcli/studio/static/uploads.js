// Songs on their way to the server: dropped, or chosen; a few at a time.

import { Refusal, send } from "./api.js";
import { complain, find, h, icon, say } from "./dom.js";
import { put, store, tell } from "./store.js";
import { texts } from "./texts.js";

const AT_ONCE = 2;
const RECORDINGS = /\.(wav|wave|flac|ogg|oga|opus|mp3|aiff?|aifc|au|caf|w64|rf64|m4a|mp4|aac|alac|wma|wv|ape|mka|mkv|webm|mov|avi|m4v|mpe?g)$/i;

/** Files under way: {file, fraction}. */
export const uploads = { waiting: [], running: new Set() };

/** @param {Iterable<File>} files */
export function add(files) {
  uploads.waiting.push(...files);
  tell("uploads");
  while (uploads.running.size < AT_ONCE && uploads.waiting.length) run();
}

async function run() {
  const file = uploads.waiting.shift();
  const upload = { file, fraction: 0 };
  uploads.running.add(upload);
  tell("uploads");
  try {
    const query = new URLSearchParams({ name: file.name });
    const song = await send(`/api/songs?${query}`, file, (fraction) => {
      upload.fraction = fraction;
      tell("uploads");
    });
    store.chosen.add(song.id);
    put(song);
    tell("all");
    say(texts.added(song.title));
  } catch (error) {
    const why = error instanceof Refusal && error.status === 0 ? texts.offline : error.message;
    complain(texts.notAdded(file.name, why), texts.dismiss);
  }
  uploads.running.delete(upload);
  tell("uploads");
  if (uploads.waiting.length) run();
}

/** Open the dialog of the system to choose files, or a folder. */
export function choose(folder) {
  const input = h("input", {
    type: "file", multiple: true, accept: folder ? null : "audio/*,video/*", webkitdirectory: folder,
  });
  input.addEventListener("change", () => {
    const files = [...input.files];
    add(folder ? files.filter((file) => RECORDINGS.test(file.name)) : files);
  });
  input.click();
}

async function filesIn(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    return RECORDINGS.test(file.name) && !file.name.startsWith(".") ? [file] : [];
  }
  const reader = entry.createReader();
  const entries = [];
  for (;;) {  // it gives them in portions
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) break;
    entries.push(...some);
  }
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function dropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...data.files];
  return (await Promise.all(entries.filter(Boolean).map(filesIn))).flat();
}

/** Take what is dropped anywhere on the page. */
export function takeDrops() {
  const veil = find("dropping");
  veil.append(icon("add"), h("p", {}, texts.dropNow));
  let depth = 0;
  const hasFiles = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (hasFiles(event)) veil.hidden = (depth += 1) === 0;
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    veil.hidden = depth === 0;
  });
  document.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    if (!hasFiles(event)) return;
    const files = await dropped(event.dataTransfer);
    if (!files.length) complain(texts.nothingFound, texts.dismiss);
    location.hash = "#/";
    add(files);
  });
}
