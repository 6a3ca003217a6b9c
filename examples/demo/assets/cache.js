import { $, bytes, element, milliseconds, say, svg } from "./common.js";

const CHART = { width: 600, height: 150 };
const LEDGER_LINES = 12;
let etag = "", asked = 0;

function draw(readings) {
  const low = Math.min(...readings) - 3, high = Math.max(...readings) + 3;
  const points = readings.map((reading, i) => {
    const x = (i / (readings.length - 1)) * CHART.width;
    const y = CHART.height - ((reading - low) / (high - low)) * CHART.height;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  $("graph").replaceChildren(svg("path", { d: `M${points.join("L")}` }));
  $("graph-now").textContent = say("now {pressure} hPa", { pressure: readings.at(-1) });
}

function enter(sentTag, response, size, took) {
  asked += 1;
  const row = element("tr");
  const unchanged = response.status === 304;
  row.append(
    element("td", String(asked)),
    element("td", sentTag || say("(none)")),
    element("td", unchanged ? "304 Not Modified" : `${response.status} ${response.statusText}`, unchanged ? "saved" : ""),
    element("td", say("{size} in {time}", { size: bytes(size), time: milliseconds(took) })),
  );
  $("ledger").prepend(row);
  while ($("ledger").rows.length > LEDGER_LINES) $("ledger").lastElementChild.remove();
}

// The script sends If-None-Match itself, so that the browser's cache does not hide the 304.
async function ask() {
  const sentTag = etag;
  const sent = performance.now();
  const response = await fetch("/cache/barograph", { headers: sentTag ? { "If-None-Match": sentTag } : {} });
  const text = await response.text();
  enter(sentTag, response, new Blob([text]).size, performance.now() - sent);
  if (response.status === 200) {
    etag = response.headers.get("ETag") ?? "";
    draw(JSON.parse(text).readings);
  }
}

async function change() {
  await fetch("/cache/barograph", { method: "POST" });
  await ask();
}

$("ask").addEventListener("click", ask);
$("change").addEventListener("click", change);
ask();
