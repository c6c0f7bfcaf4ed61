// Waveforms of a zoomed view, drawn from the sound itself: the drawing of the whole track is too
// coarse for them.

const DETAILED = 15;  // seconds in view, at most
let detailing = 0;    // counts the views, so that an outdated one ends
let resting = 0;

// The drawing waits until the view rests.
function showDetail() {
  const mine = ++detailing;
  clearTimeout(resting);
  for (const lane of lanes) lane.canvas.hidden = true;
  if (view.span * track.seconds > DETAILED || view.span === 1) return;
  resting = setTimeout(async () => {
    for (const lane of lanes) {
      const peaks = await peaksInView(lane, () => mine === detailing).catch(() => null);
      if (mine !== detailing) return;
      if (peaks) paint(lane, peaks);
    }
  }, 150);
}

// The lowest and the highest sample of each column of the view, of all channels.
async function peaksInView(lane, isWanted) {
  const width = Math.round(lane.strip.parentElement.clientWidth * devicePixelRatio);
  const [low, high] = [new Float32Array(width), new Float32Array(width)];
  const [from, span] = [view.start * track.seconds, view.span * track.seconds];
  const columnOf = (time) => Math.ceil((time - from) / span * width);
  for (let piece = Math.floor(from / track.piece); piece < track.pieces; piece++) {
    const begin = Math.max(0, piece * track.piece - track.margin);
    const end = piece === track.pieces - 1 ? track.seconds : (piece + 1) * track.piece;
    if (piece * track.piece >= from + span) break;
    const sound = await decodeFor(lane, piece);
    if (!isWanted()) return null;
    const last = Math.min(columnOf(end), width);
    for (let x = Math.max(columnOf(piece * track.piece), 0); x < last; x++) {
      const sample = (column) => Math.round((from + span * column / width - begin) * track.rate);
      for (const channel of sound) {
        for (let i = sample(x); i < Math.min(sample(x + 1) + 1, channel.length); i++) {
          if (channel[i] < low[x]) low[x] = channel[i];
          if (channel[i] > high[x]) high[x] = channel[i];
        }
      }
    }
  }
  return { low, high };
}

function paint(lane, { low, high }) {
  const { canvas } = lane;
  const scale = Number(canvas.dataset.scale);  // from full scale to half the height
  canvas.width = low.length;
  canvas.height = Math.round(lane.row.querySelector("svg").clientHeight * devicePixelRatio);
  const middle = canvas.height / 2;
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(lane.row).getPropertyValue("--colour");
  low.forEach((_, x) => {
    const [top, bottom] = [high[x], low[x]].map((value) => middle - within(value * scale, -1, 1) * middle);
    pen.fillRect(x, top - 0.5, 1, bottom - top + 1);
  });
  canvas.style.left = `${100 * view.start}%`;
  canvas.style.width = `${100 * view.span}%`;
  canvas.hidden = false;
}
