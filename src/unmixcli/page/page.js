"use strict";
(() => {
const track = JSON.parse(document.getElementById("track").textContent);
const find = (id) => document.getElementById(id);
const [playButton, seekBar, timeText] = [find("play"), find("seek"), find("time")];
const FADE = 0.01;      // seconds over which one piece of sound gives way to the next
const LEAD = 0.1;       // seconds between a decision and its being heard, also on a busy machine
const rows = [...document.querySelectorAll(".stem")];
const stems = rows.map((row, number) => ({
  row, number, name: track.stems[number],
  solo: row.querySelector(".solo"), mute: row.querySelector(".mute"),
  slider: row.querySelector("input"), shown: row.querySelector(".volume output"),
  head: row.querySelector(".head"), gain: null,
}));

// --- Sound -----------------------------------------------------------------
// All stems are one sound cut in pieces: piece k of every stem starts at the
// same moment of one clock, so nothing can drift apart.

let context = null;
let decoded = new Map();  // piece → promise of one buffer a stem
let run = 0;              // counts starts and stops, so that what is outdated ends
let zero = null;          // clock time of the track's start while playing, else null
let position = 0;         // where the track stands while not playing
const sounding = new Set();
let waiting = false;

function prepare() {
  if (context) return;
  context = new AudioContext({ sampleRate: track.rate });
  for (const stem of stems) {
    stem.gain = context.createGain();
    stem.gain.connect(context.destination);
  }
  applyLevels(0);
}

function bytes(stem, piece) {
  const text = atob(find(`sound-${stem}-${piece}`).textContent);
  const array = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
  return array.buffer;
}

function decode(piece) {
  if (!decoded.has(piece)) {
    decoded.set(piece, Promise.all(stems.map((_, n) => context.decodeAudioData(bytes(n, piece)))));
  }
  for (const other of decoded.keys()) {
    if (Math.abs(other - piece) > 2) decoded.delete(other);
  }
  return decoded.get(piece);
}

function schedule(piece, buffers, isFirst) {
  const last = piece === track.pieces - 1;
  const begin = Math.max(0, piece * track.piece - track.margin);  // where its buffer begins
  const end = last ? track.seconds : (piece + 1) * track.piece + FADE;
  const earliest = context.currentTime + 0.01 - zero;
  const from = Math.max(isFirst ? position : piece * track.piece - FADE, earliest);
  if (from >= end) return;
  buffers.forEach((buffer, n) => {
    const source = context.createBufferSource();
    const fade = context.createGain();
    source.buffer = buffer;
    source.connect(fade).connect(stems[n].gain);
    fade.gain.value = 0;  // or a sample that rounds to just before the fade is heard in full
    fade.gain.setValueAtTime(0, zero + from);
    fade.gain.linearRampToValueAtTime(1, zero + from + (isFirst ? 0.005 : 2 * FADE));
    if (!last) {
      fade.gain.setValueAtTime(1, zero + end - 2 * FADE);
      fade.gain.linearRampToValueAtTime(0, zero + end);
    }
    source.start(zero + from, from - begin, end - from);
    const voice = { source, fade };
    sounding.add(voice);
    source.onended = () => { sounding.delete(voice); fade.disconnect(); };
  });
}

async function play() {
  const mine = ++run;
  try {
    prepare();
    if (position >= track.seconds - 0.01) position = 0;
    setWaiting(true);
    let piece = Math.min(Math.floor(position / track.piece), track.pieces - 1);
    const [buffers] = await Promise.all([decode(piece), context.resume()]);
    if (mine !== run) return;
    zero = context.currentTime + LEAD - position;
    schedule(piece, buffers, true);
    setWaiting(false);
    show();
    while (++piece < track.pieces) {
      const next = await decode(piece);
      if (mine !== run) return;
      schedule(piece, next, false);
      while (now() < (piece - 0.5) * track.piece) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        if (mine !== run) return;
      }
    }
  } catch (error) {
    if (mine !== run) return;
    stop();
    complain(error);
  }
}

function stop() {
  run++;
  position = now();
  zero = null;
  for (const { source, fade } of sounding) {  // a short fade: a cut would click
    fade.gain.cancelScheduledValues(context.currentTime);
    fade.gain.setTargetAtTime(0, context.currentTime, 0.004);
    source.stop(context.currentTime + 0.03);
  }
  setWaiting(false);
  show();
}

function now() {
  if (zero === null) return position;
  return Math.min(Math.max(context.currentTime - zero, position), track.seconds);
}

const isPlaying = () => zero !== null || waiting;

function toggle() { if (isPlaying()) stop(); else play(); }

let pending = 0;
function seek(to) {
  const playing = isPlaying();
  if (playing) stop();
  position = Math.min(Math.max(to, 0), track.seconds);
  show();
  clearTimeout(pending);
  if (playing && position < track.seconds) {  // a drag asks for many positions: sound follows when it rests
    setWaiting(true);
    pending = setTimeout(play, 40);
  }
}

// --- Levels ----------------------------------------------------------------

function level(stem) {
  const alone = stems.some((other) => pressed(other.solo));
  if (pressed(stem.mute) || (alone && !pressed(stem.solo))) return 0;
  return (stem.slider.value / 100) ** 2;
}

function applyLevels(seconds = 0.02) {
  for (const stem of stems) {
    const wanted = level(stem);
    stem.row.classList.toggle("silent", wanted === 0);
    stem.shown.textContent = `${stem.slider.value} %`;
    stem.slider.setAttribute("aria-valuetext", `${stem.slider.value} percent`);
    if (!stem.gain) continue;
    const gain = stem.gain.gain;
    const time = context.currentTime;
    gain.cancelScheduledValues(time);
    gain.setValueAtTime(gain.value, time);
    gain.linearRampToValueAtTime(wanted, time + seconds);
  }
}

const pressed = (button) => button.getAttribute("aria-pressed") === "true";
const press = (button, on) => button.setAttribute("aria-pressed", String(on));
const say = (text) => { find("spoken").textContent = text; };

function solo(stem, adding = false) {
  const on = !pressed(stem.solo);
  if (!adding) stems.forEach((other) => press(other.solo, false));
  press(stem.solo, on);
  if (on) press(stem.mute, false);
  applyLevels();
  say(on ? `${stem.name} alone` : "all stems");
}

function mute(stem) {
  press(stem.mute, !pressed(stem.mute));
  applyLevels();
  say(`${stem.name} ${pressed(stem.mute) ? "muted" : "not muted"}`);
}

function everything() {
  stems.forEach((stem) => { press(stem.solo, false); press(stem.mute, false); });
  applyLevels();
  say("all stems");
}

// --- Sight -----------------------------------------------------------------

function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

let frame = 0;
function show() {
  const at = now();
  const fraction = track.seconds ? at / track.seconds : 0;
  seekBar.value = at;
  timeText.textContent = clock(at);
  seekBar.setAttribute("aria-valuetext", `${clock(at)} of ${clock(track.seconds)}`);
  for (const stem of stems) stem.head.style.left = `${100 * fraction}%`;
  playButton.classList.toggle("playing", isPlaying());
  playButton.setAttribute("aria-label", isPlaying() ? "Pause" : "Play");
  cancelAnimationFrame(frame);
  if (zero === null) return;
  if (at >= track.seconds) { stop(); return; }
  frame = requestAnimationFrame(show);
}

function setWaiting(on) {
  waiting = on;
  playButton.classList.toggle("waiting", on);
}

function complain(error) {
  const box = find("problem");
  box.textContent = "This browser cannot play the sound in this page (Opus); a newer one can. "
    + `The stems themselves lie beside it. (${error.name}: ${error.message})`;
  box.hidden = false;
}

// --- Hands -----------------------------------------------------------------

playButton.addEventListener("click", toggle);
seekBar.addEventListener("input", () => seek(Number(seekBar.value)));
for (const stem of stems) {
  const lane = stem.row.querySelector(".lane");
  const to = (event) => {
    const box = lane.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * track.seconds);
  };
  lane.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    lane.setPointerCapture(event.pointerId);
    to(event);
  });
  lane.addEventListener("pointermove", (event) => {
    if (lane.hasPointerCapture(event.pointerId)) to(event);
  });
  stem.solo.addEventListener("click", (event) => solo(stem, event.shiftKey));
  stem.mute.addEventListener("click", () => mute(stem));
  stem.slider.addEventListener("input", () => applyLevels());
  stem.row.addEventListener("focusin", () => { chosen = stem.number; });
}

let chosen = 0;
function choose(step) {
  if (rows.some((row) => row.contains(document.activeElement))) chosen += step;
  chosen = Math.min(Math.max(chosen, 0), stems.length - 1);
  stems[chosen].solo.focus();
}

function turn(step) {
  const slider = stems[chosen].slider;
  slider.value = Number(slider.value) + step;
  applyLevels();
  say(`${stems[chosen].name} ${slider.value} percent`);
}

const keys = {
  " ": toggle,
  ArrowLeft: (event) => seek(now() - (event.shiftKey ? 1 : 5)),
  ArrowRight: (event) => seek(now() + (event.shiftKey ? 1 : 5)),
  ArrowUp: () => choose(-1),
  ArrowDown: () => choose(1),
  Home: () => seek(0),
  End: () => seek(track.seconds),
  s: () => solo(stems[chosen]),
  m: () => mute(stems[chosen]),
  "+": () => turn(5),
  "=": () => turn(5),
  "-": () => turn(-5),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = event.target;
  const digit = /^Digit(\d)$/.exec(event.code) || /^Numpad(\d)$/.exec(event.code);
  let action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (digit && digit[1] === "0") action = everything;
  else if (digit) {
    const stem = stems[digit[1] - 1];
    if (!stem) return;
    action = () => { chosen = stem.number; (event.shiftKey ? mute : solo)(stem); };
  }
  if (!action) return;
  // Buttons and links keep their space; a volume keeps its arrows.
  if (event.key === " " && /^(BUTTON|A|SUMMARY)$/.test(target.tagName)) return;
  if (/^(Arrow|Home|End)/.test(event.key) && target.type === "range" && target !== seekBar) return;
  if (event.repeat && !/^(Arrow|\+|=|-)/.test(event.key)) return;
  event.preventDefault();
  action(event);
});

applyLevels();
show();
window.unmix = { stems, now, get context() { return context; }, get playing() { return isPlaying(); } };
})();
