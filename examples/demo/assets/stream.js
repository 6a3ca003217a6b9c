import { $, barb, element, milliseconds, readPieces, say, svg } from "./common.js";

/** Run one streamed request at a time, with a start and a stop button. */
function streamer({ start, stop, status, url, begin, onPiece, end }) {
  let controller = null;

  async function run() {
    controller = new AbortController();
    start.disabled = true;
    stop.disabled = false;
    status.textContent = say("Waiting for the first piece…");
    begin();
    const sent = performance.now();
    let pieces = 0;
    try {
      const response = await fetch(url(), { signal: controller.signal });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      await readPieces(response, (text) => {
        pieces += 1;
        onPiece(text, performance.now() - sent);
        status.textContent = say("Piece {count} after {time}.", { count: pieces, time: milliseconds(performance.now() - sent) });
      });
      const complete = pieces === 1 ? "Complete: 1 piece in {time}." : "Complete: {count} pieces in {time}.";
      status.textContent = say(complete, { count: pieces, time: milliseconds(performance.now() - sent) });
    } catch (error) {
      status.textContent =
        error.name === "AbortError"
          ? say("Stopped after {count} pieces. The server’s log says so too.", { count: pieces })
          : say("It broke off after {count} pieces: {reason}.", { count: pieces, reason: error.message });
    } finally {
      end?.(performance.now() - sent);
      start.disabled = false;
      stop.disabled = true;
    }
  }

  start.addEventListener("click", run);
  stop.addEventListener("click", () => controller?.abort());
}

const TAPE = 600;
let arrivals = [], rest = "";

function drawTape() {
  const last = Math.max(arrivals.at(-1) ?? 0, 1);
  const marks = arrivals.map((time) => {
    const x = ((time / last) * TAPE).toFixed(1);
    return svg("line", { x1: x, x2: x, y1: 4, y2: 34 });
  });
  $("tape").replaceChildren(...marks);
  $("tape-end").textContent = milliseconds(last);
}

function addRow(step, time) {
  const row = element("tr");
  const force = element("td");
  force.append(barb(step.force), String(step.force));
  row.append(
    force,
    element("td", step.name),
    element("td", say("{knots} kn", { knots: step.knots })),
    element("td", step.signs, "wide"),
    element("td", milliseconds(time)),
  );
  $("rows").append(row);
}

streamer({
  start: $("rows-start"),
  stop: $("rows-stop"),
  status: $("rows-status"),
  url: () => `/stream/rows?pause=${document.querySelector("input[name=pause]:checked").value}`,
  begin() {
    arrivals = [];
    rest = "";
    $("rows").replaceChildren();
    $("tape").replaceChildren();
    $("tape-end").textContent = "";
  },
  onPiece(text, time) {
    arrivals.push(time);
    const lines = (rest + text).split("\n");
    rest = lines.pop(); // a piece may end inside a line
    for (const line of lines) addRow(JSON.parse(line), time);
    drawTape();
  },
});

streamer({
  start: $("counter-start"),
  stop: $("counter-stop"),
  status: $("counter-status"),
  url: () => "/stream/counter?pause=500",
  begin() {
    $("count").textContent = "0";
  },
  onPiece(text) {
    $("count").textContent = text.trim().split("\n").at(-1);
  },
});
