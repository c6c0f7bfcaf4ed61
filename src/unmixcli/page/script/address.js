// Levels, loop and position are kept in the address, so that they can be sent with it.

let remembering = 0;
let restored = false;

function remember() {
  if (!restored) return;
  clearTimeout(remembering);
  remembering = setTimeout(() => history.replaceState(null, "", address()), 300);
}

const number = (value) => String(Math.round(value * 100) / 100);

function address() {
  const parts = [];
  const chosen = (name, button) => {
    const numbers = stems.flatMap((stem, n) => (pressed(stem[button]) ? [n + 1] : []));
    if (numbers.length) parts.push(`${name}=${numbers}`);
  };
  const volumes = sounds.map((lane) => lane.slider.value);
  if (now() > 0) parts.push(`t=${number(now())}`);
  if (volumes.some((volume) => volume !== "100")) parts.push(`volume=${volumes}`);
  chosen("solo", "solo");
  chosen("mute", "mute");
  if (loop.to !== null) parts.push(`loop=${number(loop.from)}-${number(loop.to)}`);
  if (loop.to !== null && !loop.on) parts.push("noloop");
  if (comparing()) parts.push("mixture");
  if (style.tempo !== TEMPO.usual) parts.push(`tempo=${style.tempo}`);
  if (style.key !== KEY.usual) parts.push(`key=${style.key}`);
  return `#${parts.join("&")}`;
}

// Whatever the address says, the page stays usable: what it cannot mean is ignored.
function restore() {
  const wanted = new Map(location.hash.slice(1).split("&").map((part) => {
    const [name, ...rest] = part.split("=");
    return [name, rest.join("=")];
  }));
  const numbers = (name, separator = ",") => (wanted.has(name)
    ? wanted.get(name).split(separator).map((text) => (text === "" ? NaN : Number(text))) : []);
  restored = false;
  const volumes = numbers("volume");
  sounds.forEach((lane, n) => {
    lane.slider.value = Number.isFinite(volumes[n]) ? volumes[n] : 100;
  });
  stems.forEach((stem, n) => {
    press(stem.solo, numbers("solo").includes(n + 1));
    press(stem.mute, numbers("mute").includes(n + 1));
  });
  press(mixture?.listen, wanted.has("mixture"));
  applyLevels();
  setStyle("tempo", numbers("tempo")[0] ?? TEMPO.usual);
  setStyle("key", numbers("key")[0] ?? KEY.usual);
  const [from, to] = numbers("loop", "-");
  if (from >= 0 && to <= track.seconds) setLoop(from, to, !wanted.has("noloop"));
  else setLoop(null, null, false);
  const [time] = numbers("t");
  if (Number.isFinite(time)) seek(time);
  restored = true;
}
