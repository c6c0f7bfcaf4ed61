// All lanes are one sound cut in pieces: piece k of every lane starts at the
// same moment of one clock, so nothing can drift apart.

const FADE = 0.01;      // half of the seconds over which one piece gives way to the next
const SEAM = 0.005;     // seconds over which sound begins, and a loop's end gives way to its start
const LEAD = 0.1;       // seconds between a decision and its being heard, also on a busy machine
const AHEAD = 6;        // seconds for which sound is scheduled ahead

let context = null;
let output = null;
let decoded = new Map();  // piece → promise of one buffer a lane
let run = 0;              // counts starts and stops, so that what is outdated ends
let cuts = [];            // while playing: the stretches of the track that sound, from which time on
let position = 0;         // where the track stands while not playing
let waiting = false;
const sounding = new Set();

function prepare() {
  if (context) return;
  context = new AudioContext({ sampleRate: track.rate });
  output = context.createGain();
  for (const lane of lanes) {
    lane.gain = context.createGain();
    lane.analyser = context.createAnalyser();
    lane.gain.connect(lane.analyser).connect(output);
  }
  prepareMeters();
  applyLevels(0);
}

function bytes(lane, piece) {
  const text = atob(find(`sound-${lane.number}-${piece}`).textContent);
  const array = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
  return array.buffer;
}

function decode(piece) {
  if (!decoded.has(piece)) {
    decoded.set(piece, Promise.all(
      sounds.map(async (lane) => atTempo(await context.decodeAudioData(bytes(lane, piece))))));
  }
  for (const other of decoded.keys()) {
    if (Math.abs(other - piece) > 2) decoded.delete(other);
  }
  return decoded.get(piece);
}

// A stretch that begins or ends near the seam of two pieces needs one of them:
// each reaches a little beyond its seams.
const pieceAt = (time) =>
  within(Math.floor((time + 2 * FADE) / track.piece), 0, track.pieces - 1);

function schedule(piece, buffers, cut) {
  const pace = speed();
  const at = (time) => cut.clock + (time - cut.from) / pace;  // clock time of a moment of the track
  const isFirst = piece === pieceAt(cut.from);
  const isLast = piece === track.pieces - 1 || cut.to <= (piece + 1) * track.piece + 2 * FADE;
  const begin = Math.max(0, piece * track.piece - track.margin);  // where its buffer begins
  const end = isLast ? Math.min(cut.to + (cut.loops ? SEAM : 0), track.seconds)
    : (piece + 1) * track.piece + FADE;
  const fall = isLast ? end - cut.to : 2 * FADE;
  const earliest = cut.from + (context.currentTime + 0.01 - cut.clock) * pace;
  const from = Math.max(isFirst ? cut.from : piece * track.piece - FADE, earliest);
  if (from >= end) return;
  buffers.forEach((buffer, n) => {
    const source = context.createBufferSource();
    const fade = context.createGain();
    source.buffer = buffer;
    source.connect(fade).connect(sounds[n].gain);
    fade.gain.value = 0;  // or a sample that rounds to just before the fade is heard in full
    fade.gain.setValueAtTime(0, at(from));
    fade.gain.linearRampToValueAtTime(1, at(from + (isFirst ? SEAM : 2 * FADE)));
    if (fall > 0) {
      fade.gain.setValueAtTime(1, at(end - fall));
      fade.gain.linearRampToValueAtTime(0, at(end));
    }
    source.start(at(from), (from - begin) / pace, (end - from) / pace);
    const voice = { source, fade };
    sounding.add(voice);
    source.onended = () => { sounding.delete(voice); fade.disconnect(); };
  });
}

async function play() {
  const mine = ++run;
  try {
    prepare();
    if (position >= track.seconds - 0.01) position = loop.on ? loop.from : 0;
    setWaiting(true);
    let cut = { clock: null, from: position, ...stretchFrom(position) };
    while (cut) {
      for (let piece = pieceAt(cut.from); ; piece++) {
        const [buffers] = await Promise.all([decode(piece), route(), context.resume()]);
        if (mine !== run) return;
        if (cut.clock === null) {
          cut.clock = context.currentTime + LEAD;
          cuts = [cut];
          setWaiting(false);
          playing();
        }
        schedule(piece, buffers, cut);
        const isLast = piece === track.pieces - 1
          || cut.to <= (piece + 1) * track.piece + 2 * FADE;
        const end = cut.clock + ((isLast ? cut.to : (piece + 1) * track.piece) - cut.from) / speed();
        if (!await until(end + (isLast && !cut.loops ? lag() : -AHEAD), mine)) return;
        if (isLast) break;
      }
      if (!cut.loops) break;
      cut = { clock: cut.clock + (cut.to - cut.from) / speed(), from: loop.from, ...stretchFrom(loop.from) };
      cuts = [...cuts.filter((old) => old.clock + (old.to - old.from) / speed() > context.currentTime - lag()), cut];
    }
    stop();
  } catch (error) {
    if (mine !== run) return;
    stop();
    complain(error);
  }
}

// Where the stretch that begins at a time ends: at the loop's end, if it is before that.
function stretchFrom(time) {
  const loops = loop.on && time < loop.to - 0.01;
  return { to: loops ? loop.to : track.seconds, loops };
}

async function until(time, mine) {
  while (mine === run && context.currentTime < time) {
    const left = 1000 * (time - context.currentTime);
    await new Promise((resolve) => setTimeout(resolve, within(left, 5, 100)));
  }
  return mine === run;
}

function stop() {
  run++;
  position = now();
  cuts = [];
  for (const { source, fade } of sounding) {  // a short fade: a cut would click
    fade.gain.cancelScheduledValues(context.currentTime);
    fade.gain.setTargetAtTime(0, context.currentTime, 0.004);
    source.stop(context.currentTime + 0.03);
  }
  setWaiting(false);
  playing();
}

function now() {
  if (!cuts.length) return position;
  const time = context.currentTime - lag();
  const cut = cuts.findLast((one) => one.clock <= time) ?? cuts[0];
  return Math.min(cut.from + Math.max(time - cut.clock, 0) * speed(), cut.to);
}

const isPlaying = () => cuts.length > 0 || waiting;

function toggle() { if (isPlaying()) stop(); else play(); }

let pending = 0;
function seek(to) {
  const wasPlaying = isPlaying();
  if (wasPlaying) stop();
  position = within(to, 0, track.seconds);
  view.follows = true;
  show();
  remember();
  clearTimeout(pending);
  if (wasPlaying && position < track.seconds) playSoon();
}

// A drag asks for many positions: sound follows when it rests.
function playSoon() {
  clearTimeout(pending);
  setWaiting(true);
  pending = setTimeout(play, 40);
}

function setWaiting(on) {
  waiting = on;
  find("play").classList.toggle("waiting", on);
}

// What follows from starting and from stopping.
function playing() {
  show();
  tellSystem();
  if (!isPlaying()) remember();
}
