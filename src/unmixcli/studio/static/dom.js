// Small helpers to build the page. Text from outside only ever becomes text nodes.

/**
 * Make an element. Properties that begin with "on" are listeners; false and null leave one out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node | string | null | undefined | false)} children
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child || child === "0"));
  return element;
}

const PATHS = {
  note: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zm10-2a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  cancel: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  save: "M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 20h14",
  play: "M8 5v14l11-7z",
  add: "M12 16V5m0 0L7.5 9.5M12 5l4.5 4.5M5 19h14",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export const find = (id) => document.getElementById(id);

/** Let a screen reader say something. */
export function say(text) {
  find("spoken").textContent = text;
}

/** Show a sentence on top until it is dismissed. */
export function complain(text, dismiss) {
  const line = h("p", { class: "notice" }, h("span", {}, text));
  line.append(h("button", { type: "button", class: "plain", onclick: () => line.remove() }, dismiss));
  find("alerts").append(line);
  while (find("alerts").children.length > 5) find("alerts").firstElementChild.remove();
}

/**
 * Ask in a dialog; resolves to whether the user agrees.
 * @param {{title: string, detail: string, yes: string, no: string, danger?: boolean}} question
 * @returns {Promise<boolean>}
 */
export function ask({ title, detail, yes, no, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "question" },
      h("h2", { id: "question" }, title),
      h("p", {}, detail),
      h("form", { method: "dialog", class: "buttons" },
        h("button", { value: "no" }, no),
        h("button", { value: "yes", class: danger ? "danger" : "primary" }, yes)));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Wait until calls rest for a while. */
export function resting(milliseconds, action) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}
