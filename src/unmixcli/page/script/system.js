// The media keys of a keyboard, a headset or a lock screen.

let silence = null;

// A browser gives these keys only to a page with a media element that plays. This one plays
// silence; the sound itself needs one clock for all lanes, which media elements lack.
function silentSound() {
  const rate = 8000;
  const seconds = 10;
  const data = new Uint8Array(rate * seconds).fill(128);
  const blob = new Blob([header(data.length, rate, 1, 8), data], { type: "audio/wav" });
  const audio = new Audio(URL.createObjectURL(blob));
  audio.loop = true;
  return audio;
}

function tellSystem() {
  const session = navigator.mediaSession;
  if (!session) return;
  if (isPlaying()) {
    silence ??= silentSound();
    silence.play().catch(() => {});  // without it only the keys are missing
  } else silence?.pause();
  session.playbackState = isPlaying() ? "playing" : "paused";
  session.setPositionState?.({
    duration: track.seconds, position: Math.min(now(), track.seconds), playbackRate: speed(),
  });
}

function listenToSystem() {
  const session = navigator.mediaSession;
  if (!session) return;
  session.metadata = new MediaMetadata({ title: track.title, artist: track.artist });
  const actions = {
    play: () => { if (!isPlaying()) play(); },
    pause: () => { if (isPlaying()) stop(); },
    stop: () => { if (isPlaying()) stop(); },
    seekbackward: (details) => seek(now() - (details?.seekOffset || 5)),
    seekforward: (details) => seek(now() + (details?.seekOffset || 5)),
    seekto: (details) => seek(details.seekTime),
    previoustrack: () => seek(loop.on ? loop.from : 0),
  };
  for (const [name, action] of Object.entries(actions)) {
    try { session.setActionHandler(name, action); } catch { /* not every browser has every key */ }
  }
}
