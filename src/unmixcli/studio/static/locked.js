// What a browser without the key sees.

import { h } from "./dom.js";
import { texts } from "./texts.js";

document.getElementById("main").append(
  h("img", { src: "/static/icon.svg", alt: "", width: 56, height: 56 }),
  h("h1", {}, texts.lockedTitle), h("p", {}, texts.lockedDetail));
