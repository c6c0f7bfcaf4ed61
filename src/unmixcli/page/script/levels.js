// Volume, solo, mute, and the choice between the stems and the mixture.

const comparing = () => mixture !== null && pressed(mixture.listen);

function level(lane) {
  const volume = (lane.slider.value / 100) ** 2;
  if (lane === mixture) return comparing() ? volume * track.gain : 0;
  const alone = stems.some((other) => pressed(other.solo));
  if (comparing() || pressed(lane.mute) || (alone && !pressed(lane.solo))) return 0;
  return volume;
}

function applyLevels(seconds = 0.02) {
  for (const lane of lanes) {
    const wanted = level(lane);
    lane.row.classList.toggle("silent", wanted === 0);
    lane.shown.textContent = `${lane.slider.value} %`;
    lane.slider.setAttribute("aria-valuetext", `${lane.slider.value} percent`);
    if (!lane.gain) continue;
    const gain = lane.gain.gain;
    const time = context.currentTime;
    gain.cancelScheduledValues(time);
    gain.setValueAtTime(gain.value, time);
    gain.linearRampToValueAtTime(wanted, time + seconds);
  }
  remember();
}

function compare(on = !comparing()) {
  if (!mixture) return;
  press(mixture.listen, on);
  applyLevels();
  say(on ? "the mixture" : "the stems");
}

function solo(stem, adding = false) {
  if (stem === mixture) { compare(); return; }
  if (!stem.solo) return;
  const on = !pressed(stem.solo);
  press(mixture?.listen, false);
  if (!adding) stems.forEach((other) => press(other.solo, false));
  press(stem.solo, on);
  if (on) press(stem.mute, false);
  applyLevels();
  say(on ? `${stem.name} alone` : "all stems");
}

function mute(stem) {
  if (stem === mixture) { compare(false); return; }
  press(mixture?.listen, false);
  press(stem.mute, !pressed(stem.mute));
  applyLevels();
  say(`${stem.name} ${pressed(stem.mute) ? "muted" : "not muted"}`);
}

function everything() {
  press(mixture?.listen, false);
  stems.forEach((stem) => { press(stem.solo, false); press(stem.mute, false); });
  applyLevels();
  say("all stems");
}

function setVolume(lane, volume) {
  lane.slider.value = volume;
  applyLevels();
  say(`${lane.name} ${lane.slider.value} percent`);
}
