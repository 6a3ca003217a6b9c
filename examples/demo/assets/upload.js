import { $, bytes, milliseconds, wait } from "./common.js";

const LIMIT = 1024 ** 3;
const HASHABLE = 256e6; // the browser has to hold a file to hash it; the server does not

let chosen = null, current = null;

function choose(file) {
  chosen = file;
  $("send").disabled = !file || file.size > LIMIT;
  $("progress").value = 0;
  $("progress-text").textContent = "";
  if (!file) $("progress-label").textContent = "Nothing chosen";
  else if (file.size > LIMIT) $("progress-label").textContent = `${file.name} is over the limit of ${bytes(LIMIT)}`;
  else $("progress-label").textContent = `${file.name}, ${bytes(file.size)}`;
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
      $("progress-text").textContent =
        `${Math.round(share * 100)} %, ${bytes(event.loaded)} of ${bytes(event.total)}, ${bytes(event.loaded / Math.max(seconds, 0.001))} a second`;
    });
    request.upload.addEventListener("load", () => {
      $("progress-text").textContent = `All ${bytes(file.size)} are on their way; the server reads the last of them.`;
    });
    request.addEventListener("load", () => {
      if (request.status === 200) resolve(request.response);
      else reject(new Error(request.response?.error?.hint || `the server answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error("the connection broke")));
    request.addEventListener("abort", () => reject(new Error("stopped")));
    request.send(file);
  });
}

function showReceipt(receipt, ownHash) {
  $("got-bytes").textContent = receipt.bytes.toLocaleString("en");
  $("got-pieces").textContent = receipt.pieces.toLocaleString("en");
  $("got-largest").textContent = bytes(receipt.largest_piece);
  $("got-seconds").textContent = milliseconds(receipt.seconds * 1000);
  $("hash-server").textContent = receipt.sha256;
  $("hash-browser").textContent = ownHash || "not made: the file is large, or this page is not on a secure address";
  const verdict = $("verdict");
  const same = ownHash === receipt.sha256;
  verdict.classList.toggle("is-bad", Boolean(ownHash) && !same);
  if (!ownHash) verdict.textContent = "Arrived.";
  else verdict.textContent = same ? "Every byte arrived: the two hashes agree." : "The two hashes differ.";
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
    $("progress-text").textContent = `${bytes(receipt.bytes)} sent and read.`;
    showReceipt(receipt, ownHash);
  } catch (error) {
    $("progress-text").textContent = `Not sent: ${error.message}.`;
  } finally {
    $("send").disabled = false;
    $("cancel").disabled = true;
  }
}

$("file").addEventListener("change", () => choose($("file").files[0] ?? null));
$("sample").addEventListener("click", async () => {
  $("progress-label").textContent = "Making noise…";
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
