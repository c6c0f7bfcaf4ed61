// One song in the list: what it is, how it is coming on, what can be done with it.

import { post, remove } from "./api.js";
import { ask, complain, h, icon, say } from "./dom.js";
import { active, finished, isBroken, isNew, store, tell } from "./store.js";
import { clock, texts } from "./texts.js";

const tried = (action) => async () => {
  try {
    await action();
  } catch (error) {
    complain(texts.failedToLoad(error.message), texts.dismiss);
  }
};

export class Row {
  constructor(song) {
    this.song = song;
    this.choice = h("input", {
      type: "checkbox", "aria-label": texts.choose(song.title),
      onchange: () => this.#choose(this.choice.checked),
    });
    const cover = song.cover
      ? h("img", { class: "cover", src: song.cover, alt: "", loading: "lazy" })
      : h("span", { class: "cover none" }, icon("note"));
    const about = [song.artist, song.album, clock(song.seconds)].filter(Boolean).join(" · ");
    this.status = h("div", { class: "status" });
    this.buttons = h("div", { class: "actions" });
    this.element = h("li", { class: "song" },
      h("label", { class: "pick" }, this.choice),
      cover,
      h("div", { class: "words" },
        h("h2", { title: song.name }, song.title),
        h("p", { class: "quiet" }, about)),
      this.status,
      this.buttons);
    this.update();
  }

  #choose(on) {
    store.chosen[on ? "add" : "delete"](this.song.id);
    tell("chosen");
  }

  /** Show the song as it is now; keep the focus where it was. */
  update() {
    const song = this.song = store.songs.get(this.song.id) ?? this.song;
    const job = active(song);
    this.choice.disabled = Boolean(job);
    this.choice.checked = !job && store.chosen.has(song.id);
    this.element.classList.toggle("chosen", this.choice.checked);
    this.element.classList.toggle("busy", job?.state === "working");
    const shape = JSON.stringify([song.jobs, this.choice.checked]);
    if (shape !== this.shape) {
      const had = this.element.contains(document.activeElement)
        && document.activeElement.dataset.action;
      this.shape = shape;
      this.status.replaceChildren(...this.#status(song, job));
      this.buttons.replaceChildren(...this.#actions(song, job));
      if (had) {
        const again = this.element.querySelector(`[data-action="${had}"]`)
          ?? this.buttons.querySelector("a, button");
        again?.focus();
      }
    }
    this.showProgress();
  }

  showProgress() {
    const { progress } = store;
    if (!this.bar || progress?.job !== this.job) return;
    const { stage, fraction, left } = progress;
    if (stage === "starting") this.bar.removeAttribute("value");
    else this.bar.value = fraction;
    const parts = [texts.stage[stage]];
    if (stage !== "starting") parts.push(`${Math.floor(100 * fraction)} %`);
    if (left !== null) parts.push(texts.left(left));
    this.told.textContent = parts.join(" · ");
  }

  #status(song, job) {
    this.bar = null;
    const notes = (job?.notes ?? []).map((note) => h("p", { class: "quiet" }, note));
    if (job?.state === "waiting") return [h("p", { class: "quiet" }, texts.waiting), ...notes];
    if (job) {
      this.job = job.id;
      this.bar = h("progress", { max: 1, "aria-label": `${texts.stage.separating} ${song.title}` });
      this.told = h("p", { class: "quiet" }, texts.stage.starting);
      return [this.bar, this.told, ...notes];
    }
    if (isNew(song)) return [h("p", { class: "quiet" }, texts.fresh)];
    const parts = [];
    if (isBroken(song)) {
      const [last] = song.jobs;
      const why = last.state === "failed" ? `${texts.failed}: ${last.error}` : texts.cancelled;
      parts.push(h("p", { class: last.state === "failed" ? "bad" : "quiet" }, why));
    }
    const done = finished(song);
    if (done.length) {
      const links = done.map((made) => h("a", {
        class: "chip", href: `#/song/${song.id}/${made.id}`, "data-action": made.id,
        "aria-label": texts.listenTo(song.title, texts.what(made)), title: made.made_by,
      }, texts.what(made)));
      parts.push(h("div", { class: "chips" }, ...links));
    }
    return parts;
  }

  #actions(song, job) {
    const button = (action, label, name, run, kind = "") => h("button", {
      type: "button", class: kind, "aria-label": name, "data-action": action, onclick: tried(run),
    }, label);
    if (job) {
      const cancel = () => post(`/api/jobs/${job.id}/cancel`);
      return [button("cancel", texts.cancel, texts.cancelOf(song.title), cancel)];
    }
    const found = [];
    const [made] = finished(song);
    if (isBroken(song)) {
      const [last] = song.jobs;
      const again = () => post(`/api/jobs/${last.id}/retry`);
      found.push(button("retry", texts.retry, texts.retryOf(song.title), again));
      if (last.state === "failed" && last.model !== "umx-synth") {
        const own = () => post(`/api/songs/${song.id}/jobs`, { model: "umx-synth" });
        found.push(button("own", texts.builtIn, `${texts.builtIn}: ${song.title}`, own));
      }
    } else if (made) {
      found.push(h("a", {
        class: "button primary", href: `#/song/${song.id}/${made.id}`, "data-action": "listen",
        "aria-label": texts.listenTo(song.title, texts.what(made)),
      }, icon("play"), texts.listen));
    }
    const drop = h("button", {
      type: "button", class: "plain", "aria-label": texts.removeOf(song.title),
      title: texts.remove, "data-action": "remove", onclick: tried(() => this.#remove(song)),
    }, icon("remove"));
    return [...found, drop];
  }

  async #remove(song) {
    const sure = await ask({
      title: texts.removeQuestion(song.title), detail: texts.removeDetail,
      yes: texts.remove, no: texts.keep, danger: true,
    });
    if (!sure) return;
    await remove(`/api/songs/${song.id}`);
    say(texts.removed(song.title));
  }
}
