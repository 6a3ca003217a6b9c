import { $, barb, element, say } from "./common.js";

// What a page has to do so that a line that breaks is no more than a pause: notice it, wait a little
// longer each time before trying again, and ask for what came meanwhile.
const FIRST_WAIT = 500, LONGEST_WAIT = 15_000; // milliseconds between attempts
const SILENCE = 20_000; // without a word from the server, ask whether it is there
const ANSWER = 4_000; // that long it may take to say so
const HARBOURS = ["Alcyone", "Bounty", "Calypso", "Dolphin", "Endeavour", "Fram", "Golden Hind", "Hero", "Iris", "Kon-Tiki", "Lydia", "Meteor", "Nautilus", "Orion", "Pequod", "Rosinante", "Sirius", "Terra Nova", "Undine", "Vega"];

const store = (name, make) => {
  try {
    return sessionStorage.getItem(name) ?? (sessionStorage.setItem(name, make()), sessionStorage.getItem(name));
  } catch {
    return make(); // storage is switched off: as good as a new visitor
  }
};
const keep = (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* as above */ } };

const key = store("radio-key", () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(""));
let socket = null, heard = 0, wait = FIRST_WAIT, retry = 0, countdown = 0, lastWord = 0, checking = 0;

$("name").value = store("radio-name", () => `${HARBOURS[Math.floor(Math.random() * HARBOURS.length)]} ${Math.floor(Math.random() * 90 + 10)}`);

function signal(state, text) {
  $("signal").dataset.state = state;
  $("signal-text").textContent = text;
  $("retry").hidden = state !== "off" || !retry;
  $("send").disabled = state !== "on";
}

// --- the line ---------------------------------------------------------------------------------

function connect() {
  clearTimeout(retry);
  clearInterval(countdown);
  retry = 0;
  signal("tuning", say("Tuning in…"));
  const line = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/radio/channel`);
  socket = line;
  line.addEventListener("open", hello);
  line.addEventListener("message", (event) => {
    lastWord = performance.now();
    clearTimeout(checking);
    checking = 0;
    receive(JSON.parse(event.data));
  });
  line.addEventListener("close", (event) => {
    if (socket === line) lost(event.code);
  });
}

function hello() {
  lastWord = performance.now();
  send({ type: "hello", name: $("name").value.trim(), key, after: heard });
}

function lost(code) {
  socket = null;
  clearTimeout(checking);
  checking = 0;
  if (code === 4001) {
    signal("off", say("You are on the air from another window."));
    return;
  }
  const pause = wait * (0.75 + Math.random() / 2); // not everybody at once when a server comes back
  wait = Math.min(wait * 2, LONGEST_WAIT);
  const at = performance.now() + pause;
  const tell = () => {
    const seconds = Math.max(Math.ceil((at - performance.now()) / 1000), 1);
    signal("off", say(navigator.onLine ? "Lost the signal. Trying again in {seconds} s." : "No network. Trying again in {seconds} s.", { seconds }));
  };
  retry = setTimeout(connect, pause);
  countdown = setInterval(tell, 1000);
  tell();
}

function send(call) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(call));
}

/** A line that broke while the lid was closed still looks open: ask, and do not wait for long. */
function check() {
  if (!socket || checking) return;
  if (socket.readyState !== WebSocket.OPEN) return;
  send({ type: "check", id: Math.round(performance.now()) });
  const line = socket;
  checking = setTimeout(() => {
    checking = 0;
    if (socket !== line) return;
    socket = null;
    line.close();
    wait = FIRST_WAIT;
    lost(1006);
  }, ANSWER);
}

/** Something has changed: the page is looked at again, or there is a network. */
function wake() {
  if (!socket && retry) {
    wait = FIRST_WAIT;
    connect();
  } else {
    check();
  }
}

// --- what is heard ----------------------------------------------------------------------------

function receive(word) {
  if (word.welcome !== undefined) {
    wait = FIRST_WAIT;
    signal("on", say("On the air as {name}.", { name: word.welcome }));
    const kept = word.lines.at(-1)?.number ?? 0;
    if (kept < heard && word.lines.length > 0) heard = 0; // the server has begun anew
  }
  if (word.lines) addLines(word.lines);
  if (word.present) showPresent(word.present);
  if (word.refused) {
    $("refusal").textContent = say("That was too fast for the channel. Your message is back in the field.");
    $("refusal").hidden = false;
    if (!$("text").value) $("text").value = word.text;
  }
}

const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const EVENTS = { enter: "{name} comes on the air.", leave: "{name} goes off the air.", rename: "{text} is {name} now." };

function addLines(lines) {
  const list = $("calls");
  const following = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  for (const line of lines) {
    if (line.number <= heard) continue;
    heard = line.number;
    const item = element("li", "", line.kind);
    const time = element("time", clock.format(line.time));
    time.dateTime = new Date(line.time).toISOString();
    if (line.kind === "call") {
      if (line.name === $("name").value.trim()) item.classList.add("own");
      item.append(element("strong", line.name), time, element("p", line.text));
    } else {
      item.append(element("span", say(EVENTS[line.kind], line)), time);
    }
    list.append(item);
  }
  while (list.children.length > 200) list.firstElementChild.remove();
  if (following) list.scrollTop = list.scrollHeight;
}

function showPresent(names) {
  $("watch-count").textContent = names.length;
  let own = false;
  $("stations").replaceChildren(...names.map((name) => {
    const item = element("li");
    item.append(barb(force(name)), element("span", name));
    if (!own && name === $("name").value.trim()) {
      own = true;
      item.append(element("em", say("you")));
    }
    return item;
  }));
}

/** A barb of its own for every name. */
function force(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return (sum % 12) + 1;
}

// --- what is said -----------------------------------------------------------------------------

$("caller").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("refusal").hidden = true;
  if (!text) return;
  send({ type: "say", text });
  $("text").value = "";
  $("text").focus();
});

$("name").addEventListener("change", () => {
  const name = $("name").value.trim();
  if (!name) return;
  keep("radio-name", name);
  hello();
});

$("retry").addEventListener("click", wake);
$("cut").addEventListener("click", () => {
  if (socket) socket.close(4000, "cut");
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
addEventListener("online", wake);
addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
setInterval(() => { if (performance.now() - lastWord > SILENCE) check(); }, 5_000);

connect();
