// The door of a studio in a network: it asks for the password.

import { post } from "./api.js";
import { h } from "./dom.js";
import { texts } from "./texts.js";

const password = h("input", {
  type: "password", id: "password", autocomplete: "current-password", required: true,
});
const problem = h("p", { class: "bad", role: "alert" });
const button = h("button", { class: "primary large" }, texts.logIn);
document.getElementById("main").append(
  h("img", { src: "/static/icon.svg", alt: "", width: 56, height: 56 }),
  h("h1", {}, texts.name),
  h("form", { onsubmit: open }, h("label", { for: "password" }, texts.password), password, problem, button));
password.focus();

async function open(event) {
  event.preventDefault();
  button.disabled = true;
  try {
    await post("/api/login", { password: password.value });
    location.reload();
  } catch (error) {
    problem.textContent = error.status === 403 ? texts.wrong : error.message;
    button.disabled = false;
    password.select();
  }
}
