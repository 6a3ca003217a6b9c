import { $, bytes, milliseconds, number, say, wait } from "./common.js";

const LIMIT = 1024 ** 3;
const HASHABLE = 256e6; // the browser has to hold a file to hash it; the server does not

let chosen = null, current = null;

function choose(file) {
  chosen = file;
  $("send").disabled = !file || file.size > LIMIT;
  $("progress").value = 0;
  $("progress-text").textContent = "";
  if (!file) $("progress-label").textContent = say("Nothing chosen");
  else if (file.size > LIMIT) $("progress-label").textContent = say("{name} is over the limit of {size}", { name: file.name, size: bytes(LIMIT) });
  else $("progress-label").textContent = say("{name}, {size}", { name: file.name, size: bytes(file.size) });
}

function noise(size) {
  const block = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(block.subarray(at, Math.min(at + 65536, size)));
  return new File([block], "noise.bin", { type: "application/octet-stream" });
}

async function hashOf(file) {
  if (!globalThis.crypto?.subtle || file.size > HASHABLE) return "";
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function transfer(file, pace) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    current = request;
    const started = performance.now();
    request.open("PUT", `/upload/file?pace=${pace}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      const share = event.total ? event.loaded / event.total : 1;
      const seconds = (performance.now() - started) / 1000;
      $("progress").value = share;
      $("progress-text").textContent = say("{share} %, {sent} of {size}, {speed} a second", {
        share: Math.round(share * 100),
        sent: bytes(event.loaded),
        size: bytes(event.total),
        speed: bytes(event.loaded / Math.max(seconds, 0.001)),
      });
    });
    request.upload.addEventListener("load", () => {
      $("progress-text").textContent = say("All {size} are on their way; the server reads the last of them.", { size: bytes(file.size) });
    });
    request.addEventListener("load", () => {
      if (request.status === 200) resolve(request.response);
      else reject(new Error(request.response?.error?.hint || say("the server answered {status}", { status: request.status })));
    });
    request.addEventListener("error", () => reject(new Error(say("the connection broke"))));
    request.addEventListener("abort", () => reject(new Error(say("stopped"))));
    request.send(file);
  });
}

function showReceipt(receipt, ownHash) {
  $("got-bytes").textContent = number(receipt.bytes);
  $("got-pieces").textContent = number(receipt.pieces);
  $("got-largest").textContent = bytes(receipt.largest_piece);
  $("got-seconds").textContent = milliseconds(receipt.seconds * 1000);
  $("hash-server").textContent = receipt.sha256;
  $("hash-browser").textContent = ownHash || say("not made: the file is large, or this page is not on a secure address");
  const verdict = $("verdict");
  const same = ownHash === receipt.sha256;
  verdict.classList.toggle("is-bad", Boolean(ownHash) && !same);
  if (!ownHash) verdict.textContent = say("Arrived.");
  else verdict.textContent = say(same ? "Every byte arrived: the two hashes agree." : "The two hashes differ.");
  $("receipt").hidden = false;
}

async function send() {
  const file = chosen;
  const pace = document.querySelector("input[name=pace]:checked").value;
  $("send").disabled = true;
  $("cancel").disabled = false;
  $("receipt").hidden = true;
  try {
    const [receipt, ownHash] = await Promise.all([transfer(file, pace), hashOf(file)]);
    $("progress").value = 1;
    $("progress-text").textContent = say("{size} sent and read.", { size: bytes(receipt.bytes) });
    showReceipt(receipt, ownHash);
  } catch (error) {
    $("progress-text").textContent = say("Not sent: {reason}.", { reason: error.message });
  } finally {
    $("send").disabled = false;
    $("cancel").disabled = true;
  }
}

$("file").addEventListener("change", () => choose($("file").files[0] ?? null));
$("sample").addEventListener("click", async () => {
  $("progress-label").textContent = say("Making noise…");
  await wait(0);
  $("file").value = "";
  choose(noise(24e6));
});
$("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen) send();
});
$("cancel").addEventListener("click", () => current?.abort());

const drop = $("drop");
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("is-over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
});
choose($("file").files[0] ?? null); // a reload may keep the choice
