// Keeps a page current: the server says that something changed, the page fetches itself again and swaps its content.
// Without this script every page works, it only has to be loaded again by hand.
"use strict";

const main = document.querySelector("main");
const lost = document.getElementById("connection");
// Many changes in a moment are one reload; an operator reads no faster.
const PAUSE_MS = 700;
let due = null;

async function refresh() {
  due = null;
  if (isBusy()) { later(); return; }
  const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "manual" });
  if (answer.type === "opaqueredirect") { location.assign("/ops/sign-in"); return; }
  if (!answer.ok) { later(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const open = [...main.querySelectorAll("details")].map((each) => each.open);
  main.replaceChildren(...fresh.childNodes);
  main.querySelectorAll("details").forEach((each, place) => { if (open[place]) each.open = true; });
}

// Whoever is writing or choosing is not disturbed; the page catches up afterwards.
function isBusy() {
  const focused = document.activeElement;
  const typing = focused && main.contains(focused) && focused.matches("input, textarea, select");
  return typing || [...main.querySelectorAll("textarea")].some((each) => each.value !== each.defaultValue);
}

function later() {
  if (due === null) due = setTimeout(() => refresh().catch(later), PAUSE_MS);
}

if (main.dataset.live) {
  const source = new EventSource("/ops/live?of=" + encodeURIComponent(main.dataset.live));
  source.addEventListener("changed", later);
  source.addEventListener("open", () => { lost.hidden = true; later(); });
  source.addEventListener("error", () => { lost.hidden = false; });
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of document.querySelectorAll(event.target.dataset.all)) box.checked = event.target.checked;
});
