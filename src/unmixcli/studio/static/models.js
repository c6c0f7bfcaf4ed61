// The models: what there is, fetched, checked and removed.

import { get, post, remove } from "./api.js";
import { ask, complain, find, h, say } from "./dom.js";
import { subscribe } from "./store.js";
import { about, bytes, texts } from "./texts.js";

const SONG = 240;  // seconds of the song that times are given for

/** Show the models; returns how to end. */
export function showModels(main) {
  const body = h("div", { class: "groups" });
  const bars = new Map();
  main.replaceChildren(h("h1", {}, texts.models), h("p", { class: "quiet" }, texts.modelsIntro), body);
  document.title = `${texts.models} – ${texts.name}`;
  main.setAttribute("aria-busy", "true");

  async function show() {
    const models = await get("/api/models");
    const groups = Map.groupBy
      ? Map.groupBy(models, (model) => model.group)
      : models.reduce((all, one) => all.set(one.group, [...all.get(one.group) ?? [], one]), new Map());
    bars.clear();
    const focus = document.activeElement?.dataset?.key;
    body.replaceChildren(...[...groups].map(([title, members]) => table(title, members)));
    if (focus) body.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
    find("main").removeAttribute("aria-busy");
  }

  function table(title, members) {
    const head = Object.values(texts.columns).map((text) => (text ? h("th", { scope: "col" }, text)
      : h("td", {})));
    return h("section", {},
      h("h2", {}, title),
      h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": title },
        h("table", {}, h("thead", {}, h("tr", {}, ...head)),
          h("tbody", {}, ...members.map(line)))));
  }

  function line(model) {
    const quality = model.quality === null ? "–"
      : `${model.quality.toFixed(1)} dB`;
    return h("tr", {},
      h("th", { scope: "row" }, h("b", {}, model.name),
        h("small", {}, model.title || model.targets.join(", "))),
      h("td", { class: "number" }, model.size === null ? "?" : bytes(model.size)),
      h("td", { class: "number" }, model.pace === null ? "?" : about(model.pace * SONG)),
      h("td", { class: "number", title: `${model.quality_on} ${model.quality_of.join(", ")}` }, quality),
      h("td", {}, model.licence || texts.noLicence,
        model.restriction && h("small", {}, model.restriction)),
      h("td", { class: "doing" }, ...doing(model)));
  }

  function doing(model) {
    const { name } = model;
    const button = (key, label, spoken, run) => h("button", {
      type: "button", "aria-label": spoken, "data-key": `${key} ${name}`,
      onclick: (event) => tried(event.currentTarget, run),
    }, label);
    if (model.built_in) return [h("span", { class: "quiet" }, texts.inTheBox)];
    if (model.fetching) {
      const bar = h("progress", { max: 1, "aria-label": texts.fetchOf(name) });
      bars.set(name, bar);
      return [bar];
    }
    if (!model.here) return [button("fetch", texts.fetch, texts.fetchOf(name), () => fetchModel(model))];
    return [
      button("verify", texts.verify, texts.verifyOf(name), () => verify(name)),
      model.removable && button("remove", texts.remove, texts.removeModel(name), async () => {
        const { freed } = await remove(`/api/models/${encodeURIComponent(name)}`);
        say(texts.freed(name, bytes(freed)));
        await show();
      }),
    ];
  }

  async function tried(button, run) {
    button.disabled = true;
    try {
      await run();
    } catch (error) {
      complain(texts.failedToLoad(error.message), texts.dismiss);
    }
    button.disabled = false;
  }

  async function fetchModel(model) {
    let accept = false;
    if (model.restriction && !model.accepted) {
      accept = await ask({
        title: texts.acceptTitle(model.name), detail: `${model.licence}. ${model.restriction}`,
        yes: texts.acceptNow, no: texts.cancelDialog,
      });
      if (!accept) return;
    }
    await post(`/api/models/${encodeURIComponent(model.name)}/fetch`, { accept });
    await show();
  }

  async function verify(name) {
    const { good, files } = await post(`/api/models/${encodeURIComponent(name)}/verify`);
    const wrong = files.find((file) => ["damaged", "missing"].includes(file.status));
    complain(good ? texts.intact(name) : texts.damaged(name, wrong), texts.dismiss);
  }

  show().catch((error) => complain(texts.failedToLoad(error.message), texts.dismiss));
  return subscribe((kind, data) => {
    if (kind !== "model") return;
    const bar = bars.get(data.name);
    if (bar && data.total) bar.value = data.done / data.total;
    if (!data.over) return;
    if (data.error) complain(texts.notFetched(data.error), texts.dismiss);
    else say(texts.fetched(data.name));
    show().catch(() => {});
  });
}
