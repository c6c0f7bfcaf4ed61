// Save sound as a WAV file, made from the sound in the page.

const FULL = 32767;
const cancelled = new Set();  // buttons that were pressed again

async function decodeFor(lane, piece) {
  const decoder = new OfflineAudioContext(1, 1, track.rate);
  const buffer = await decoder.decodeAudioData(bytes(lane, piece));
  return Array.from({ length: buffer.numberOfChannels }, (_, n) => buffer.getChannelData(n));
}

// The sum of some lanes with their gains from one sample of the track to another, in parts.
// Adjoining pieces give way to each other as when they are played.
async function* mixed(gains, first, end) {
  const [size, margin, fade] =
    [track.piece, track.margin, FADE].map((time) => Math.round(time * track.rate));
  let tail = null;  // the end of the piece before, which this one takes over
  for (let piece = Math.max(0, Math.floor((first - fade) / size)); piece < track.pieces; piece++) {
    const isLast = piece === track.pieces - 1;
    const from = piece ? piece * size - fade : 0;
    const to = isLast ? Math.max(end, from) : (piece + 1) * size + fade;
    const skipped = from - Math.max(0, piece * size - margin);
    const sum = Array.from({ length: track.channels }, () => new Float32Array(to - from));
    for (const [lane, gain] of gains) {
      const sound = await decodeFor(lane, piece);
      sum.forEach((samples, n) => {
        const own = (sound[n] ?? sound[0]).subarray(skipped, skipped + samples.length);
        for (let i = 0; i < own.length; i++) samples[i] += gain * own[i];
      });
    }
    if (tail) {
      sum.forEach((samples, n) => {
        for (let i = 0; i < 2 * fade; i++) {
          samples[i] = tail[n][i] + (samples[i] - tail[n][i]) * (i / (2 * fade));
        }
      });
    }
    const stop = isLast ? to : to - 2 * fade;
    tail = sum.map((samples) => samples.slice(stop - from));
    const [low, high] = [Math.max(first, from), Math.min(end, stop)];
    if (high > low) yield sum.map((samples) => samples.subarray(low - from, high - from));
    if (stop >= end) return;
  }
}

// The start of a WAV file with integers of 8 or 16 bits.
function header(frames, rate, channels, bits) {
  const data = frames * channels * bits / 8;
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
  const [short, long] = [(at, n) => head.setUint16(at, n, true), (at, n) => head.setUint32(at, n, true)];
  text(0, "RIFF"); long(4, 36 + data); text(8, "WAVEfmt "); long(16, 16);
  short(20, 1); short(22, channels); long(24, rate); long(28, rate * channels * bits / 8);
  short(32, channels * bits / 8); short(34, bits); text(36, "data"); long(40, data);
  return head;
}

// 16 bits, which is more than the compressed sound is worth. What would exceed full scale is
// mixed once more, turned down: the first time shows by how much.
async function wav(gains, first, end, isStyled, progress) {
  let [loudest, factor] = [0, 1];
  const length = isStyled ? Math.round((end - first) / speed()) : end - first;
  for (;;) {
    const parts = [header(length, track.rate, track.channels, 16)];
    let done = 0;
    const mix = mixed(gains, first, end);
    for await (const part of isStyled ? restyled(mix, length) : mix) {
      const frames = part[0].length;
      const numbers = new Int16Array(frames * part.length);
      part.forEach((samples, n) => {
        for (let i = 0; i < frames; i++) {
          loudest = Math.max(loudest, Math.abs(samples[i]));
          numbers[i * part.length + n] = within(Math.round(samples[i] * factor * FULL), -FULL, FULL);
        }
      });
      parts.push(numbers);
      done += frames;
      if (!progress(done / length)) return null;
    }
    if (loudest * factor <= 1.0001) return { blob: new Blob(parts, { type: "audio/wav" }), factor };
    factor = 1 / loudest;
  }
}

function give(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, "_").slice(0, 150)}.wav`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Save to a file and show the progress in the button; pressed again, it cancels.
async function save(button, gains, name, { from = 0, to = track.seconds, isStyled = false } = {}) {
  if (button.dataset.label) {
    cancelled.add(button);
    return;
  }
  const label = button.querySelector("span");
  button.dataset.label = label.textContent;
  const progress = (fraction) => {
    label.textContent = `${Math.round(100 * fraction)} %`;
    return !cancelled.delete(button);
  };
  try {
    progress(0);
    const [first, end] = [from, to].map((time) => Math.round(time * track.rate));
    const made = await wav(gains, first, end, isStyled, progress);
    if (made) {
      give(made.blob, name);
      const down = made.factor < 1 ? `, turned down by ${(-20 * Math.log10(made.factor)).toFixed(1)} dB to avoid clipping` : "";
      say(`saved ${name}${down}`);
    } else say("not saved");
  } catch (error) {
    complain(error);
  }
  cancelled.delete(button);
  label.textContent = button.dataset.label;
  delete button.dataset.label;
}

function saveMix() {
  const gains = lanes.map((lane) => [lane, level(lane)]).filter(([, gain]) => gain > 0);
  if (!gains.length && !find("save").dataset.label) { say("nothing to save: all is silent"); return; }
  const names = gains.length < stems.length ? gains.map(([lane]) => lane.name).join(", ") : "mix";
  const [from, to] = loop.on ? [loop.from, loop.to] : [0, track.seconds];
  const part = loop.on ? ` ${clock(from, 1)}-${clock(to, 1)}` : "";
  const isStyled = style.tempo !== TEMPO.usual || style.key !== KEY.usual;
  const restyling = isStyled ? ` ${find("tempo-shown").textContent} ${find("key-shown").textContent}` : "";
  save(find("save"), gains, `${track.title} (${names})${part}${restyling}`, { from, to, isStyled });
}

function saveLane(lane) {
  save(lane.save, [[lane, 1]], `${track.title} (${lane.name})`);
}

// Where the page is served together with the stems, a link to a file is better than the sound
// inside. A page from the file system cannot look, and following a link would leave it.
async function findFiles() {
  if (!location.protocol.startsWith("http")) return;
  for (const { file, save: button } of lanes.filter((lane) => lane.file)) {
    const answer = await fetch(file.href, { method: "HEAD" }).catch(() => null);
    if (!answer?.ok) continue;
    file.hidden = false;
    button.hidden = true;
  }
}
