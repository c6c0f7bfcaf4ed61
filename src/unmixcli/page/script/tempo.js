// Tempo and key. The pieces of all lanes are resampled to the tempo before they are scheduled, which
// also changes their key; a phase vocoder on the sum of the lanes then brings the wanted key back.

const TEMPO = { least: 50, most: 200, step: 5, usual: 100 };  // percent
const KEY = { least: -12, most: 12, step: 1, usual: 0 };      // semitones
const style = { tempo: TEMPO.usual, key: KEY.usual };

const speed = () => style.tempo / 100;
const ratio = () => 2 ** (style.key / 12) / speed();  // of the vocoder
const isShifted = () => Math.abs(ratio() - 1) > 1e-6;
// Seconds by which the sound is late.
const lag = () => (isShifted() ? PitchShifter.SIZE / track.rate : 0);

const SHIFTER = `${PitchShifter}
registerProcessor("pitch-shifter", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.shifter = new PitchShifter(1);
    this.port.onmessage = ({ data }) => { this.shifter.ratio = data; };
  }
  process([input], [[left, right]]) {
    if (input.length) { left.set(input[0]); right.set(input[1] ?? input[0]); }
    this.shifter.process(left, right);
    return true;
  }
});`;

let shifter = null;   // a promise of the vocoder's node
let heardBy = null;   // what the sum of the lanes goes to

// Send the sum of the lanes to the speakers, through the vocoder if it has work.
async function route() {
  let target = context.destination;
  if (isShifted()) {
    shifter ??= (async () => {
      // Pages from the file system may not load a worklet from a blob.
      await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(SHIFTER)}`);
      const options = { outputChannelCount: [2], channelCount: 2, channelCountMode: "explicit" };
      const node = new AudioWorkletNode(context, "pitch-shifter", options);
      node.connect(context.destination);
      return node;
    })();
    target = await shifter;
    target.port.postMessage(ratio());
  }
  if (target === heardBy) return;
  if (heardBy) output.disconnect(heardBy);
  output.connect(target);
  heardBy = target;
}

// A decoded piece at the tempo; its length changes, its rate does not.
function atTempo(buffer) {
  if (style.tempo === TEMPO.usual) return buffer;
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, n) => {
    const resampler = new Resampler(style.tempo);
    return [buffer.getChannelData(n), new Float32Array(resampler.reach)].map((part) => resampler.push(part));
  });
  const length = channels[0].reduce((sum, part) => sum + part.length, 0);
  const result = context.createBuffer(channels.length, length, buffer.sampleRate);
  channels.forEach((parts, n) => {
    let done = 0;
    for (const part of parts) { result.copyToChannel(part, n, done); done += part.length; }
  });
  return result;
}

// The same for a mix that is saved, part by part; `frames` samples in all.
async function* restyled(parts, frames) {
  const late = Math.round(lag() * track.rate);
  const vocoder = isShifted() ? new PitchShifter(ratio()) : null;
  let [resamplers, done] = [null, -late];
  const silence = () => resamplers.map(() => new Float32Array(PitchShifter.SIZE));
  async function* padded() {
    yield* parts;
    for (;;) yield silence();  // what is still inside comes out
  }
  for await (const part of padded()) {
    resamplers ??= part.map(() => new Resampler(style.tempo));
    const made = part.map((samples, n) => resamplers[n].push(samples));
    vocoder?.process(made[0], made[1] ?? made[0].slice());
    const [from, to] = [Math.max(0, -done), Math.min(made[0].length, frames - done)];
    if (to > from) yield made.map((samples) => samples.subarray(from, to));
    done += made[0].length;
    if (done >= frames) return;
  }
}

function setStyle(name, value) {
  const { least, most } = name === "tempo" ? TEMPO : KEY;
  const wanted = within(Math.round(value), least, most);
  if (!Number.isFinite(wanted) || wanted === style[name] || !canRestyle()) return;
  const at = now();
  const wasPlaying = isPlaying();
  if (wasPlaying) stop();
  position = at;
  style[name] = wanted;
  decoded.clear();
  showStyle();
  remember();
  if (wasPlaying) playSoon();
}

function showStyle() {
  const key = style.key > 0 ? `+${style.key}` : String(style.key).replace("-", "−");
  find("tempo-shown").textContent = `${style.tempo} %`;
  find("key-shown").textContent = key;
  find("tempo-shown").classList.toggle("set", style.tempo !== TEMPO.usual);
  find("key-shown").classList.toggle("set", style.key !== KEY.usual);
}

function stepStyle(name, steps) {
  const { step, usual } = name === "tempo" ? TEMPO : KEY;
  setStyle(name, steps ? style[name] + steps * step : usual);
  say(name === "tempo" ? `tempo ${style.tempo} percent` : `key ${style.key} semitones`);
}

// Browsers have no worklets on pages from a server without HTTPS.
const canRestyle = () => typeof AudioWorkletNode !== "undefined" && window.isSecureContext;

function listenToStyle() {
  find("style").hidden = !canRestyle();
  for (const name of ["tempo", "key"]) {
    find(`${name}-less`).addEventListener("click", () => stepStyle(name, -1));
    find(`${name}-more`).addEventListener("click", () => stepStyle(name, 1));
    find(`${name}-shown`).addEventListener("click", () => stepStyle(name, 0));
  }
  showStyle();
}
