// A loop from A to B.

const SHORTEST = 0.1;  // seconds
const loop = { from: null, to: null, on: false };

function setLoop(from, to, on = true) {
  const wasOn = loop.on;
  const isLoop = from !== null && to !== null && to - from >= SHORTEST;
  Object.assign(loop, { from, to: isLoop || from === null ? to : null, on: isLoop && on });
  showLoop();
  remember();
  if (isPlaying() && (wasOn || loop.on)) {
    const at = now();
    const isOver = loop.on && at >= loop.to - 0.02;
    seek(isOver ? loop.from : at);
  }
}

function setStart(at = now()) {
  setLoop(at, loop.to);
  say(`loop from ${clock(at, 1)}`);
}

function setEnd(at = now()) {
  const from = loop.from !== null && at - loop.from >= SHORTEST ? loop.from : 0;
  setLoop(from, Math.max(at, SHORTEST));
  say(`loop from ${clock(loop.from, 1)} to ${clock(loop.to, 1)}`);
}

function toggleLoop() {
  if (loop.from === null || loop.to === null) setLoop(0, track.seconds);
  else setLoop(loop.from, loop.to, !loop.on);
  say(loop.on ? `loop from ${clock(loop.from, 1)} to ${clock(loop.to, 1)}` : "no loop");
}

function clearLoop() {
  setLoop(null, null, false);
  say("no loop");
}

function showLoop() {
  const { from, to, on } = loop;
  press(find("loop"), on);
  const text = (time) => (time === null ? "not set" : clock(time, 1));
  find("from").title = `Loop from here: ${text(from)} (a)`;
  find("to").title = `Loop to here: ${text(to)} (b)`;
  find("from").classList.toggle("set", from !== null);
  find("to").classList.toggle("set", to !== null);
  for (const shade of [find("region"), ...lanes.map((lane) => lane.loop)]) {
    shade.hidden = from === null;
    shade.classList.toggle("off", !on);
    shade.style.left = `${100 * (from ?? 0) / track.seconds}%`;
    shade.style.width = `${100 * ((to ?? from ?? 0) - (from ?? 0)) / track.seconds}%`;
  }
}
