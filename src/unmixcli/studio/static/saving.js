// Save stems or a mix of a song in the format that is wanted.

import { post } from "./api.js";
import { h, say } from "./dom.js";
import { texts } from "./texts.js";

const REMEMBERED = "unmix-studio-format";

/**
 * Ask what to save, and save it.
 * @param {any} song
 * @param {any} job
 * @param {() => Record<string, number>} levels what the player plays of each stem
 */
export function saveFrom(song, job, levels) {
  const option = (value, label) => h("option", { value }, label);
  const what = h("select", { id: "save-what" },
    job.stems.length > 1 && option("stems", texts.allStems),
    job.stems.length > 1 && option("mix", texts.theMix),
    ...job.stems.map((name) => option(`stem ${name}`, texts.oneStem(name))));
  const format = h("select", { id: "save-format" },
    ...Object.entries(texts.formats).map(([value, label]) => option(value, label)));
  const kept = localStorage.getItem(REMEMBERED);
  if (texts.formats[kept]) format.value = kept;
  const problem = h("p", { class: "bad", role: "alert" });
  const button = h("button", { class: "primary" }, texts.saveNow);
  const dialog = h("dialog", { "aria-labelledby": "save-title" },
    h("h2", { id: "save-title" }, texts.saveTitle(song.title)),
    h("form", { onsubmit: save },
      h("label", { for: "save-what" }, texts.saveWhat), what,
      h("label", { for: "save-format" }, texts.format), format,
      problem,
      h("div", { class: "buttons" },
        h("button", { type: "button", onclick: () => dialog.close() }, texts.close), button)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();

  async function save(event) {
    event.preventDefault();
    button.disabled = true;
    button.textContent = texts.preparing;
    problem.textContent = "";
    localStorage.setItem(REMEMBERED, format.value);
    const [kind, quality] = format.value.split(" ");
    try {
      const made = await post(`/api/jobs/${job.id}/exports`, {
        format: kind, ...(quality && { quality }), ...wanted(),
      });
      const link = h("a", { href: made.url, download: made.name });
      link.click();
      say(texts.saved(made.name));
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    }
    button.disabled = false;
    button.textContent = texts.saveNow;
  }

  function wanted() {
    if (what.value === "stems") return { stems: job.stems };
    if (what.value !== "mix") return { stems: [what.value.slice(5)] };
    const played = levels();
    return { mix: Object.fromEntries(job.stems.map((name) => [name, played[name] ?? 1])) };
  }
}
