export const $ = (id) => document.getElementById(id);

export const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const language = document.documentElement.lang;
const words = JSON.parse($("words")?.textContent ?? "{}");

/** A text in the language of the page, with values in its {places}. */
export function say(text, values = {}) {
  return (words[text] ?? text).replaceAll(/\{(\w+)\}/g, (place, name) => values[name]);
}

/** A number as it is written in the language of the page. */
export function number(value, decimals = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function milliseconds(value) {
  if (value < 1) return `${number(value, 2)} ms`;
  return `${number(value, value < 10 ? 1 : 0)} ms`;
}

export function bytes(value) {
  if (value < 1000) return `${value} B`;
  if (value < 1e6) return `${number(value / 1e3, 1)} kB`;
  return `${number(value / 1e6, 1)} MB`;
}

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text !== "") made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function svg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function barb(force) {
  const made = svg("svg", { class: "barb", "aria-hidden": "true" });
  made.append(svg("use", { href: `#barb-${force}` }));
  return made;
}

/** Read a streamed answer, calling back with every piece of text as it arrives. */
export async function readPieces(response, onPiece) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onPiece(value);
  }
}
