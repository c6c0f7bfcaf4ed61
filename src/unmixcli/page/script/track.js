// The track and its lanes: the stems, and the mixture if the page holds it.

const track = JSON.parse(document.getElementById("track").textContent);
const find = (id) => document.getElementById(id);

function laneOf(row, number, name) {
  const part = (selector) => row.querySelector(selector);
  return {
    row, number, name, solo: part(".solo"), mute: part(".mute"), listen: part(".listen"),
    slider: part("input"), shown: part(".volume output"), strip: part(".strip"),
    head: part(".head"), loop: part(".loop"), meter: part(".meter span"), canvas: part("canvas"),
    save: part(".save"), file: part(".file"), gain: null, analyser: null,
  };
}

const stems = [...document.querySelectorAll(".stem")]
  .map((row, number) => laneOf(row, number, track.stems[number]));
const mixtureRow = document.querySelector(".mixture");
const mixture = mixtureRow && laneOf(mixtureRow, stems.length, "mixture");
const lanes = mixture ? [mixture, ...stems] : stems;  // as they stand on the page
const sounds = mixture ? [...stems, mixture] : stems;  // as their sound is numbered

const pressed = (button) => button?.getAttribute("aria-pressed") === "true";
const press = (button, on) => button?.setAttribute("aria-pressed", String(on));
const say = (text) => { find("spoken").textContent = text; };
const within = (value, least, most) => Math.min(Math.max(value, least), most);

function clock(seconds, digits = 0) {
  const rounded = digits ? Math.round(seconds * 10 ** digits) / 10 ** digits : seconds;
  const whole = Math.floor(rounded + 1e-6);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  const rest = digits ? Math.max(rounded - whole, 0).toFixed(digits).slice(1) : "";
  return (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`) + rest;
}

function complain(error) {
  const box = find("problem");
  box.textContent = "This browser cannot play the sound in this page (Opus); a newer one can. "
    + `The stems themselves lie beside it. (${error.name}: ${error.message})`;
  box.hidden = false;
}
