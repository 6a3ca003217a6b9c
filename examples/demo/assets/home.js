import { $, milliseconds, number, say, svg } from "./common.js";
import { startWind } from "./wind.js";

const REQUESTS = 300;
const AT_ONCE = 6; // what a browser opens to one server
const CHART = { width: 600, height: 150 };

const wind = startWind($("wind"));

const median = (sorted) => sorted[Math.floor(sorted.length / 2)];

async function showStatus() {
  const status = await (await fetch("/api/status")).json();
  $("answered").textContent = number(status.answered);
}

function drawTrace(times, sorted) {
  const trace = $("trace");
  const high = Math.max(sorted[Math.floor(sorted.length * 0.99)] * 1.4, 2);
  const y = (time) => CHART.height - (Math.min(time, high) / high) * CHART.height;
  const points = times.map((time, i) => `${((i / (REQUESTS - 1)) * CHART.width).toFixed(1)} ${y(time).toFixed(1)}`);
  const middle = y(median(sorted)).toFixed(1);
  trace.replaceChildren(
    svg("path", { d: `M${points.join("L")}` }),
    svg("path", { class: "median", d: `M0 ${middle}H${CHART.width}` }),
  );
  $("trace-low").textContent = say("first request, 0 ms at the bottom");
  $("trace-high").textContent = say("top: {time}", { time: milliseconds(high) });
}

function drawFigures(times, inServer, started) {
  const done = times.filter((time) => time !== undefined);
  if (done.length === 0) return;
  const sorted = done.toSorted((a, b) => a - b);
  drawTrace(done, sorted);
  $("gust-rate").textContent = number((done.length / (performance.now() - started)) * 1000);
  $("gust-median").textContent = milliseconds(median(sorted));
  $("gust-server").textContent = milliseconds(median(inServer.toSorted((a, b) => a - b)));
}

async function gust() {
  const button = $("gust");
  button.disabled = true;
  const times = new Array(REQUESTS), inServer = [];
  const started = performance.now();
  let next = 0, lastDrawn = 0;

  async function worker() {
    while (next < REQUESTS) {
      const i = next;
      next += 1;
      const sent = performance.now();
      const response = await fetch(`/api/wind?knots=${(i * 64) / REQUESTS}`, { cache: "no-store" });
      await response.json();
      times[i] = performance.now() - sent;
      inServer.push(Number(response.headers.get("Server-Timing").split("dur=")[1]));
      wind.blow(0.06);
      if (performance.now() - lastDrawn > 50) {
        lastDrawn = performance.now();
        drawFigures(times, inServer, started);
      }
    }
  }

  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    drawFigures(times, inServer, started);
    $("gust-note").textContent = say(
      "{count} answers in {time}. The chart draws what the browser sees, and most of that is its own work.",
      { count: REQUESTS, time: milliseconds(performance.now() - started) },
    );
    await showStatus();
  } catch (error) {
    $("gust-note").textContent = say("The server did not answer: {reason}", { reason: error.message });
  } finally {
    button.disabled = false;
  }
}

$("gust").addEventListener("click", gust);
showStatus();
