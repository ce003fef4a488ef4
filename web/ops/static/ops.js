// Keeps a page current: the server says that something changed, the page fetches itself again and swaps its content.
// Without this script every page works, it only has to be loaded again by hand.
"use strict";

const main = document.querySelector("main");
const lost = document.getElementById("connection");
// Many changes in a moment are one reload; an operator reads no faster. Many pages do not ask in the same instant.
const PAUSE_MS = 700;
const SPREAD_MS = 600;
let due = null;

async function refresh() {
  due = null;
  if (document.hidden) return; // it catches up when somebody looks
  const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "manual" });
  if (answer.type === "opaqueredirect") { signIn(); return; }
  if (!answer.ok) { later(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const parts = main.querySelectorAll("[data-part]");
  if (parts.length === 0) { swap(main, fresh); return; }
  for (const part of parts) swap(part, fresh.querySelector(`[data-part="${part.dataset.part}"]`));
}

// Whoever is writing or choosing is not disturbed; that part catches up with the next page.
function swap(old, fresh) {
  if (isBusy(old) || !fresh || old.innerHTML === fresh.innerHTML) return;
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  const above = read(old);
  old.replaceChildren(...fresh.childNodes);
  show(old, above);
  old.querySelectorAll("details").forEach((each, place) => { if (open[place]) each.open = true; });
}

// The newest message is at the end of the list; whoever reads further up stays there.
function read(part) {
  const list = part.querySelector(".bubbles");
  const isAtEnd = !list || list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  return isAtEnd ? null : list.scrollTop;
}

function show(part, above) {
  const list = part.querySelector(".bubbles");
  if (list) list.scrollTop = above === null ? list.scrollHeight : above;
}

show(main, null);

function isBusy(part) {
  const focused = document.activeElement;
  const typing = focused && part.contains(focused) && focused.matches("input, textarea, select");
  const playing = [...part.querySelectorAll("audio, video")].some((each) => !each.paused);
  return typing || playing || [...part.querySelectorAll("textarea")].some((each) => each.value !== each.defaultValue);
}

function later() {
  if (due === null) due = setTimeout(() => refresh().catch(later), PAUSE_MS + Math.random() * SPREAD_MS);
}

function signIn() {
  location.assign("/ops/sign-in?back=" + encodeURIComponent(location.pathname + location.search));
}

if (main.dataset.live) {
  const source = new EventSource("/ops/live?of=" + encodeURIComponent(main.dataset.live));
  source.addEventListener("changed", later);
  source.addEventListener("open", () => { lost.hidden = true; later(); });
  source.addEventListener("error", () => {
    lost.hidden = false;
    if (source.readyState === EventSource.CLOSED) later(); // the session has ended, and the page will find out
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) later(); });
}

// What somebody is writing stays in this window until it was sent, whatever comes between: an ended session, a refusal.
const draft = (field) => `draft ${decodeURIComponent(location.pathname)} ${field.id}`;
const told = document.querySelector(".told");
for (const field of document.querySelectorAll("textarea[data-draft]")) {
  if (told && told.dataset.done === field.dataset.draft) sessionStorage.removeItem(draft(field));
  if (field.value === "") field.value = sessionStorage.getItem(draft(field)) || "";
}

document.addEventListener("input", (event) => {
  if (event.target.matches("textarea[data-draft]")) sessionStorage.setItem(draft(event.target), event.target.value);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-forget]")) sessionStorage.clear();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of document.querySelectorAll(event.target.dataset.all)) box.checked = event.target.checked;
});
