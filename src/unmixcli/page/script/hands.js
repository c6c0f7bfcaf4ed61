// Pointers and keys, and the start of the page.

find("play").addEventListener("click", toggle);
find("seek").addEventListener("input", () => seek(Number(find("seek").value)));
find("from").addEventListener("click", () => setStart());
find("to").addEventListener("click", () => setEnd());
find("loop").addEventListener("click", toggleLoop);
find("closer").addEventListener("click", () => zoom(2));
find("wider").addEventListener("click", () => zoom(0.5));
find("save").addEventListener("click", saveMix);
window.addEventListener("hashchange", restore);
window.addEventListener("resize", drawRuler);

for (const lane of lanes) {
  const picture = lane.row.querySelector(".lane");
  picture.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    picture.setPointerCapture(event.pointerId);
    seek(timeAt(event, picture));
  });
  picture.addEventListener("pointermove", (event) => {
    if (picture.hasPointerCapture(event.pointerId)) seek(timeAt(event, picture));
  });
  lane.solo?.addEventListener("click", (event) => solo(lane, event.shiftKey));
  lane.mute?.addEventListener("click", () => mute(lane));
  lane.listen?.addEventListener("click", () => compare());
  lane.save.addEventListener("click", () => saveLane(lane));
  lane.slider.addEventListener("input", () => applyLevels());
  lane.slider.addEventListener("dblclick", () => setVolume(lane, 100));
  lane.row.addEventListener("focusin", () => { chosen = lanes.indexOf(lane); });
}

// A drag over the ruler is a loop; a click goes there.
let grip = null;
find("ruler").addEventListener("pointerdown", (event) => {
  if (event.button) return;
  find("ruler").setPointerCapture(event.pointerId);
  grip = { time: timeAt(event, find("ruler")), x: event.clientX, drags: false };
});
find("ruler").addEventListener("pointermove", (event) => {
  if (!grip || (!grip.drags && Math.abs(event.clientX - grip.x) < 6)) return;
  grip.drags = true;
  const [from, to] = [grip.time, timeAt(event, find("ruler"))].sort((a, b) => a - b);
  Object.assign(loop, { from, to: Math.min(Math.max(to, from + SHORTEST), track.seconds), on: false });
  showLoop();
});
find("ruler").addEventListener("pointerup", () => {
  const { time, drags } = grip ?? {};
  grip = null;
  if (time === undefined) return;
  if (!drags) { seek(time); return; }
  setLoop(loop.from, loop.to);
  if (loop.on && (now() < loop.from || now() > loop.to)) seek(loop.from);
});
find("ruler").addEventListener("pointercancel", () => { grip = null; });

document.querySelector("main").addEventListener("wheel", (event) => {
  const place = event.target.closest(".lane, #ruler");
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (!place) return;
  if (event.ctrlKey || event.metaKey) {
    zoom(Math.exp(-within(event.deltaY, -100, 100) / 150), timeAt(event, place) / track.seconds);
  } else if (view.span < 1 && Math.abs(sideways) > (event.shiftKey ? 0 : Math.abs(event.deltaY))) {
    view.follows = false;
    setView(view.start + (sideways / place.clientWidth) * view.span, view.span);
  } else return;
  event.preventDefault();
}, { passive: false });

let chosen = 0;
function choose(step) {
  if (lanes.some((lane) => lane.row.contains(document.activeElement))) chosen += step;
  chosen = within(chosen, 0, lanes.length - 1);
  const lane = lanes[chosen];
  (lane.solo ?? lane.listen ?? lane.mute).focus();
}

const louder = (step) => setVolume(lanes[chosen], Number(lanes[chosen].slider.value) + step);

const keys = {
  " ": toggle,
  ArrowLeft: (event) => seek(now() - (event.shiftKey ? 1 : 5)),
  ArrowRight: (event) => seek(now() + (event.shiftKey ? 1 : 5)),
  ArrowUp: () => choose(-1),
  ArrowDown: () => choose(1),
  Home: () => seek(0),
  End: () => seek(track.seconds),
  o: () => compare(),
  a: () => setStart(),
  b: () => setEnd(),
  l: (event) => (event.shiftKey ? clearLoop() : toggleLoop()),
  z: (event) => zoom(event.shiftKey ? 0.5 : 2),
  t: (event) => stepStyle("tempo", event.shiftKey ? -1 : 1),
  k: (event) => stepStyle("key", event.shiftKey ? -1 : 1),
  s: () => solo(lanes[chosen]),
  m: () => mute(lanes[chosen]),
  "+": () => louder(5),
  "=": () => louder(5),
  "-": () => louder(-5),
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
    action = () => { chosen = lanes.indexOf(stem); (event.shiftKey ? mute : solo)(stem); };
  }
  if (!action) return;
  // Buttons and links keep their space; a volume keeps its arrows.
  if (event.key === " " && /^(BUTTON|A|SUMMARY)$/.test(target.tagName)) return;
  if (/^(Arrow|Home|End)/.test(event.key) && target.type === "range" && target !== find("seek")) return;
  if (event.repeat && !/^(Arrow|\+|=|-)/.test(event.key)) return;
  event.preventDefault();
  action(event);
});

setView(0, 1);
showLoop();
listenToStyle();
restore();
show();
listenToSystem();
findFiles();
window.unmix = {
  stems, mixture, loop, view, now, style, PitchShifter, Resampler,
  get output() { return heardBy; },
  get context() { return context; },
  get playing() { return isPlaying(); },
  get levels() { return Object.fromEntries(stems.map((stem) => [stem.name, level(stem)])); },
};
