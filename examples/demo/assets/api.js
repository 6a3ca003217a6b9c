import { $, bytes, element, milliseconds, say } from "./common.js";

const method = $("method"), target = $("target"), body = $("body");

const takesBody = () => method.value === "POST" || method.value === "PUT";

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function showRequest() {
  $("body-line").hidden = !takesBody();
  const parts = ["curl -i"];
  if (method.value !== "GET" && !(takesBody() && method.value === "POST")) parts.push(`-X ${method.value}`);
  if (takesBody()) parts.push(`-H 'Content-Type: application/json' -d ${quote(body.value)}`);
  parts.push(quote(new URL(target.value || "/", location.href).href));
  $("curl").textContent = parts.join(" ");
}

/** JSON as text, with its strings, numbers and names in spans; textContent escapes everything. */
function coloured(text) {
  const out = document.createDocumentFragment();
  const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)/g;
  let done = 0;
  for (const found of text.matchAll(tokens)) {
    out.append(text.slice(done, found.index));
    const [whole, string, colon, number] = found;
    if (string) {
      out.append(element("span", string, colon ? "d" : "s"), colon ?? "");
    } else {
      out.append(element("span", whole, number ? "n" : "k"));
    }
    done = found.index + whole.length;
  }
  out.append(text.slice(done));
  return out;
}

function showBody(text, type) {
  const answer = $("answer");
  if (!type.startsWith("application/json")) {
    answer.textContent = text;
    return;
  }
  answer.replaceChildren(coloured(JSON.stringify(JSON.parse(text), null, 2)));
}

function showFields(headers) {
  const rows = [];
  for (const [name, value] of headers) {
    const row = element("tr");
    const head = element("th", name);
    head.scope = "row";
    row.append(head, element("td", value));
    rows.push(row);
  }
  $("fields").tBodies[0].replaceChildren(...rows);
  $("fields").hidden = false;
}

async function send() {
  showRequest();
  const status = $("status");
  status.className = "status-line";
  const sent = performance.now();
  try {
    const options = { method: method.value, cache: "no-store" };
    if (takesBody()) {
      options.body = body.value;
      options.headers = { "Content-Type": "application/json" };
    }
    const response = await fetch(target.value, options);
    const text = await response.text();
    const took = performance.now() - sent;
    status.textContent = `${response.status} ${response.statusText} · ${bytes(new Blob([text]).size)} · ${milliseconds(took)}`;
    status.classList.add(response.ok ? "is-good" : "is-bad");
    showBody(text, response.headers.get("Content-Type") ?? "");
    showFields(response.headers);
  } catch (error) {
    status.textContent = say("No answer: {reason}", { reason: error.message });
    status.classList.add("is-bad");
  }
}

for (const preset of document.querySelectorAll(".presets button")) {
  preset.addEventListener("click", () => {
    method.value = preset.dataset.method;
    target.value = preset.dataset.target;
    body.value = preset.dataset.body ?? "";
    send();
  });
}
for (const field of [method, target, body]) field.addEventListener("input", showRequest);
$("request").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
send(); // so that the panel shows an answer from the start
