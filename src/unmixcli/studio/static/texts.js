// Every text of the studio, in one place.

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** A duration for people: "12 s", "4 min", "1.5 h". */
export function about(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** The length of a song: "3:05". */
export function clock(seconds) {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A number of bytes: "340 MB". */
export function bytes(count) {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
  if (count >= 1e6) return `${Math.round(count / 1e6)} MB`;
  return `${Math.max(1, Math.round(count / 1e3))} kB`;
}

export const texts = {
  name: "unmix studio",
  nav: "Main",
  songs: "Songs",
  models: "Models",
  skip: "Skip to the content",

  // Adding
  dropHere: "Drop songs here",
  dropMore: "Drop more songs anywhere on this page, or",
  dropNow: "Drop to add",
  private: "They stay on this machine: nothing is sent anywhere.",
  chooseFiles: "Choose files",
  chooseFolder: "Choose a folder",
  adding: (name) => `Adding ${name}`,
  queued: (count) => `${plural(count, "more file")} to add`,
  notAdded: (name, why) => `${name} was not added: ${why}`,
  added: (title) => `${title} added`,
  nothingFound: "There are no recordings in what you dropped.",
  dismiss: "Dismiss",

  // What is wanted
  want: (count) => `What do you want from ${plural(count, "song")}?`,
  goal: "Goal",
  goals: {
    karaoke: ["Karaoke", "the music without the vocals"],
    acapella: ["A cappella", "the vocals alone"],
    stems: ["Four stems", "vocals, drums, bass and the rest"],
    "six-stems": ["Six stems", "with guitar and piano, too"],
    "drum-parts": ["Drum parts", "kick, snare, toms, hi-hat, cymbals"],
    "lead-vocals": ["Lead and backing", "the lead voice, the voices behind it"],
    cleaning: ["Clean voice", "without reverberation or noise"],
  },
  effort: "Effort",
  efforts: {
    fast: ["Fast", "a draft"],
    normal: ["Normal", "about the song's length"],
    best: ["Best", "takes long"],
  },
  ownModel: "Choose the model yourself",
  byGoal: "Let the goal choose",
  uses: (model) => `Uses ${model}`,
  isHere: "on this machine",
  download: (size) => `${size} to download, once`,
  downloadUnknown: "to be downloaded, once",
  takes: (time) => `about ${time} for this`,
  licence: (licence) => `licence: ${licence}`,
  noLicence: "no licence stated",
  accept: "I accept this for my use.",
  planning: "Looking for a model…",
  start: (count) => `Separate ${plural(count, "song")}`,
  forget: "Not now",
  begun: (count) => `${plural(count, "song")} in the queue`,

  // The list
  search: "Search songs",
  found: (count) => plural(count, "song"),
  nothingMatches: (words) => `No song has “${words}”.`,
  more: "Show more",
  choose: (title) => `Choose ${title}`,
  fresh: "New: choose what you want above",
  waiting: "Waiting",
  stage: {
    starting: "Loading the model",
    fetching: "Downloading the model",
    separating: "Separating",
    drawing: "Preparing the player",
  },
  left: (seconds) => `about ${about(seconds)} left`,
  overall: (count) => `Separating ${plural(count, "song")}`,
  failed: "Failed",
  cancelled: "Cancelled",
  cancel: "Cancel",
  cancelOf: (title) => `Cancel ${title}`,
  retry: "Try again",
  retryOf: (title) => `Try ${title} again`,
  builtIn: "Use the built-in model",
  listen: "Listen",
  listenTo: (title, what) => `Listen to ${title}: ${what}`,
  remove: "Remove",
  removeOf: (title) => `Remove ${title}`,
  removeQuestion: (title) => `Remove “${title}”?`,
  removeDetail: "The studio deletes its copy of the recording, the stems and the pages. "
    + "Your own file stays where it is.",
  keep: "Keep it",
  removed: (title) => `${title} removed`,
  separated: (title) => `${title} is separated`,
  failedOf: (title, why) => `${title} failed: ${why}`,
  what: (job) => (job.goal ? texts.goals[job.goal]?.[0] ?? job.goal : job.model),

  // Listening and saving
  back: "All songs",
  results: "Separations",
  player: (title) => `Player: ${title}`,
  notThere: "This song is not in the library any more.",
  notYet: "There are no stems of this song yet.",
  save: "Save…",
  saveTitle: (title) => `Save from “${title}”`,
  saveWhat: "What",
  allStems: "All stems, in a zip",
  oneStem: (name) => `Only ${name}`,
  theMix: "The mix as set in the player",
  format: "Format",
  formats: {
    "wav 24": "WAV, 24 bits",
    "wav 16": "WAV, 16 bits",
    flac: "FLAC, without loss",
    "mp3 320k": "MP3, 320 kbit/s",
    "m4a 256k": "M4A (AAC), 256 kbit/s",
  },
  saveNow: "Save",
  preparing: "Preparing…",
  close: "Close",
  saved: (name) => `Saved ${name}`,

  // Models
  modelsIntro: "The goal chooses a model by itself. Here you can fetch models before you need "
    + "them, check their files and remove them.",
  columns: {
    name: "Model", size: "Size", time: "4-minute song", quality: "Quality", licence: "Licence",
    here: "",
  },
  fetch: "Fetch",
  fetchOf: (name) => `Fetch ${name}`,
  fetching: "Fetching…",
  verify: "Check",
  verifyOf: (name) => `Check the files of ${name}`,
  fetched: (name) => `${name} is on this machine`,
  notFetched: (why) => `Not fetched: ${why}`,
  intact: (name) => `The files of ${name} are intact.`,
  damaged: (name, file) => `${name}: ${file.file} is ${file.status}; fetch it again.`,
  removeModel: (name) => `Remove the files of ${name}`,
  freed: (name, size) => `${name} removed: ${size} freed`,
  inTheBox: "built in",
  acceptTitle: (name) => `The licence of ${name}`,
  acceptNow: "Accept and fetch",
  cancelDialog: "Cancel",

  // Trouble
  offline: "The studio does not answer. Is it still running? This page tries again by itself.",
  locked: "The studio was started anew. Open the address that it printed in the terminal.",
  lockedTitle: "This door needs a key",
  lockedDetail: "Open the address that “unmix studio” printed in the terminal; it has the key.",
  failedToLoad: (why) => `That did not work: ${why}`,

  // The door
  password: "Password",
  logIn: "Open",
  wrong: "That is not the password.",
};
