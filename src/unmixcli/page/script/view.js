// What is seen: the position, the part of the track in view, the ruler and the meters.

const view = { start: 0, span: 1, follows: true };  // as fractions of the track
const NARROWEST = 2;   // seconds in view at the highest zoom
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

let frame = 0;
function show() {
  const at = now();
  find("seek").value = at;
  find("time").textContent = clock(at);
  find("seek").setAttribute("aria-valuetext", `${clock(at)} of ${clock(track.seconds)}`);
  const fraction = track.seconds ? at / track.seconds : 0;
  if (view.follows && (fraction < view.start || fraction > view.start + view.span)) {
    setView(fraction - 0.05 * view.span, view.span);
  }
  for (const lane of lanes) lane.head.style.left = `${100 * fraction}%`;
  find("here").style.left = `${100 * fraction}%`;
  find("play").classList.toggle("playing", isPlaying());
  find("play").setAttribute("aria-label", isPlaying() ? "Pause" : "Play");
  showMeters();
  cancelAnimationFrame(frame);
  if (cuts.length || metersMove()) frame = requestAnimationFrame(show);
}

// --- Zoom ---

function setView(start, span) {
  view.span = within(span, Math.min(NARROWEST / track.seconds, 1), 1);
  view.start = within(start, 0, 1 - view.span);
  for (const strip of [find("scale"), ...lanes.map((lane) => lane.strip)]) {
    strip.style.width = `${100 / view.span}%`;
    strip.style.left = `${-100 * view.start / view.span}%`;
  }
  find("closer").disabled = view.span <= NARROWEST / track.seconds;
  find("wider").disabled = view.span >= 1;
  drawRuler();
  showDetail();
}

// Zoom so that a moment keeps its place, if it is in view: the position, unless another is given.
function zoom(factor, centre = now() / track.seconds) {
  const place = within((centre - view.start) / view.span, 0, 1);
  const span = within(view.span / factor, Math.min(NARROWEST / track.seconds, 1), 1);
  setView(centre - place * span, span);
  const seconds = view.span * track.seconds;
  say(view.span === 1 ? "the whole track in view"
    : `${seconds.toFixed(seconds < 10 ? 1 : 0)} seconds in view`);
}

function drawRuler() {
  const scale = find("scale");
  const seconds = track.seconds * view.span;
  const width = find("ruler").clientWidth;
  const room = Math.max(2, Math.floor(width / 72));
  const end = track.seconds - 45 * seconds / width;  // no room for another label
  const step = STEPS.find((one) => seconds / one <= room) ?? STEPS.at(-1);
  const digits = step < 1 ? 1 : 0;
  const first = Math.max(0, Math.floor(view.start * track.seconds / step) - 1);
  const last = Math.ceil((view.start + view.span) * track.seconds / step);
  const ticks = [];
  for (let n = first; n <= last && n * step < end; n++) {
    const tick = document.createElement("span");
    tick.className = "tick";
    tick.textContent = clock(n * step, digits);
    tick.style.left = `${100 * n * step / track.seconds}%`;
    ticks.push(tick);
  }
  scale.querySelectorAll(".tick").forEach((old) => old.remove());
  scale.prepend(...ticks);
}

// The moment of the track under a pointer.
function timeAt(event, element) {
  const box = element.getBoundingClientRect();
  const fraction = view.start + view.span * (event.clientX - box.left) / box.width;
  return within(fraction, 0, 1) * track.seconds;
}

// --- Meters ---

const FALL = 0.9;  // of a meter's height from one frame to the next
const samples = new Float32Array(2048);
let channels = [];     // analysers of the two channels of the sum
let over = 0;          // clock time up to which the warning of clipping stands

function prepareMeters() {
  const splitter = context.createChannelSplitter(2);
  channels = [context.createAnalyser(), context.createAnalyser()];
  output.connect(splitter);
  channels.forEach((analyser, n) => splitter.connect(analyser, n));
}

function peak(analyser) {
  analyser.getFloatTimeDomainData(samples);
  return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
}

// From 0 at -54 dB to 1 at full scale.
const height = (value) => within(1 + 20 * Math.log10(Math.max(value, 1e-9)) / 54, 0, 1);

function turn(meter, value) {
  const now = value > 0 ? Math.max(value, (meter.value ?? 0) * FALL) : (meter.value ?? 0) * FALL;
  meter.value = now < 0.005 ? 0 : now;
  meter.style.transform = `scaleX(${meter.value.toFixed(3)})`;
}

const metersMove = () => [find("sum"), ...lanes.map((lane) => lane.meter)].some((m) => m.value > 0);

function showMeters() {
  if (!context) return;
  const loud = cuts.length ? Math.max(...channels.map(peak)) : 0;
  if (loud > 1) over = context.currentTime + 1.5;
  find("sum").classList.toggle("over", context.currentTime < over);
  turn(find("sum"), height(loud));
  for (const lane of lanes) turn(lane.meter, cuts.length ? height(peak(lane.analyser)) : 0);
}
