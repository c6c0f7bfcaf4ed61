// What is wanted from the chosen songs: a goal with an effort, or a model; then the start.

import { get, post } from "./api.js";
import { complain, h, say } from "./dom.js";
import { active, store, tell } from "./store.js";
import { about, bytes, texts } from "./texts.js";

const REMEMBERED = "unmix-studio-wish";

/** The facts about a model in one line. */
export function factsOf(model) {
  const size = model.size === null ? texts.downloadUnknown : texts.download(bytes(model.size));
  return [
    model.built_in ? texts.inTheBox : model.here ? texts.isHere : size,
    model.licence ? texts.licence(model.licence) : texts.noLicence,
  ];
}

export class Setup {
  constructor() {
    const kept = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
    this.goal = texts.goals[kept.goal] ? kept.goal : "stems";
    this.effort = texts.efforts[kept.effort] ? kept.effort : "normal";
    this.model = "";
    this.asked = 0;  // counts the plans, so that an outdated answer is dropped
    this.plan = null;
    this.heading = h("h2", { id: "want" });
    this.told = h("p", { class: "plan", role: "status" });
    this.accept = h("input", { type: "checkbox", id: "accept", onchange: () => this.update() });
    this.restriction = h("p", {});
    this.condition = h("div", { class: "condition", hidden: true }, this.restriction,
      h("label", { for: "accept" }, this.accept, texts.accept));
    this.start = h("button", { class: "primary large" });
    this.own = h("details", { class: "own" }, h("summary", {}, texts.ownModel));
    this.own.addEventListener("toggle", () => { if (this.own.open) this.#listModels(); });
    this.goals = this.#radios("goal", texts.goal, texts.goals, this.goal);
    this.efforts = this.#radios("effort", texts.effort, texts.efforts, this.effort);
    this.element = h("form", { class: "setup", "aria-labelledby": "want", hidden: true },
      this.heading, this.goals, this.efforts, this.own, this.told, this.condition,
      h("div", { class: "buttons" },
        h("button", { type: "button", onclick: () => this.#forget() }, texts.forget), this.start));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
  }

  end() { this.asked += 1; }

  #radios(name, title, choices, chosen) {
    const options = Object.entries(choices).map(([value, [label, detail]]) => h("label", {},
      h("input", {
        type: "radio", name, value, checked: value === chosen,
        onchange: () => this.#set({ [name]: value, model: "" }),
      }),
      h("span", { class: "option" }, h("b", {}, label), h("small", {}, detail))));
    return h("fieldset", { class: name }, h("legend", {}, title), ...options);
  }

  async #listModels() {
    if (this.own.querySelector("fieldset")) return;
    const models = await get("/api/models").catch(() => []);
    const line = (value, label, facts) => h("label", {},
      h("input", {
        type: "radio", name: "model", value, checked: value === this.model,
        onchange: () => this.#set({ model: value }),
      }),
      h("span", {}, h("b", {}, label), h("small", {}, facts.filter(Boolean).join(" · "))));
    const lines = models.map((model) => line(model.name, model.name, [
      model.title || model.targets.join(", "), ...factsOf(model),
      model.quality === null ? "" : `${model.quality.toFixed(1)} dB, ${model.quality_on}`,
      model.restriction,
    ]));
    this.own.append(h("fieldset", { class: "models" }, h("legend", { class: "spoken" }, texts.ownModel),
      line("", texts.byGoal, []), ...lines));
  }

  #set(change) {
    Object.assign(this, change);
    if (change.model === "") {
      const first = this.own.querySelector("input[value='']");
      if (first) first.checked = true;
    }
    localStorage.setItem(REMEMBERED, JSON.stringify({ goal: this.goal, effort: this.effort }));
    this.accept.checked = false;
    this.#ask();
  }

  get wish() {
    return this.model ? { model: this.model } : { goal: this.goal, effort: this.effort };
  }

  async #ask() {
    const mine = this.asked += 1;
    this.plan = null;
    this.error = "";
    try {
      const plan = await get(`/api/plan?${new URLSearchParams(this.wish)}`);
      if (mine === this.asked) this.plan = plan;
    } catch (error) {
      if (mine === this.asked) this.error = error.message;
    }
    if (mine === this.asked) this.update();
  }

  #songs() {
    return [...store.chosen].map((id) => store.songs.get(id)).filter((song) => song && !active(song));
  }

  update() {
    const songs = this.#songs();
    const wasHidden = this.element.hidden;
    this.element.hidden = songs.length === 0;
    if (!songs.length) return;
    if (wasHidden) this.#ask();
    this.heading.textContent = texts.want(songs.length);
    this.start.textContent = texts.start(songs.length);
    const { plan } = this;
    this.efforts.disabled = this.model !== "";
    this.goals.disabled = this.model !== "";
    const seconds = songs.reduce((sum, song) => sum + song.seconds, 0);
    this.told.textContent = plan ? [
      texts.uses(plan.name), ...factsOf(plan),
      plan.pace === null ? "" : texts.takes(about(plan.pace * seconds)),
    ].filter(Boolean).join(" · ") : this.error || texts.planning;
    this.told.classList.toggle("bad", Boolean(this.error));
    this.condition.hidden = !plan?.must_accept;
    this.restriction.textContent = plan?.restriction ?? "";
    this.start.disabled = !plan || (plan.must_accept && !this.accept.checked);
  }

  #forget() {
    store.chosen.clear();
    tell("chosen");
  }

  async #begin() {
    const songs = this.#songs();
    const accept = this.accept.checked;
    this.start.disabled = true;
    let begun = 0;
    for (const song of songs) {
      try {
        await post(`/api/songs/${song.id}/jobs`, { ...this.wish, accept });
        store.chosen.delete(song.id);
        begun += 1;
      } catch (error) {
        complain(texts.failedOf(song.title, error.message), texts.dismiss);
        break;
      }
    }
    say(texts.begun(begun));
    tell("chosen");
    if (this.element.hidden) document.getElementById("main").focus();
  }
}
