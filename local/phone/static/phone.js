// The phone: clients side by side, the switches of what can be broken, and the ledger that shows what came of it.
"use strict";

const LOOK_MS = 700;
const COUNTS = ["sent", "answered", "waiting", "lost", "doubled", "out_of_order"];
const TICKS = { queued: "◷", accepted: "◷", sending: "◷", sent: "✓", delivered: "✓✓", read: "✓✓", failed: "✗", undelivered: "✗" };
const numbers = [];
let language = navigator.language.startsWith("en") ? "en" : "es";

const byId = (id) => document.getElementById(id);
const say = (key) => TEXTS[language][key] || key;

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch("api/" + path, options);
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error || answer.status);
  return found;
}

function tell(text, bad = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("bad", bad);
}

async function attempt(work) {
  try { await work(); } catch (error) { tell(`${say("no-answer")} ${error.message}`, true); }
}

function translate(root) {
  for (const each of root.querySelectorAll("[data-text]")) each.textContent = say(each.dataset.text);
}

function addPhone(number, name) {
  if (numbers.includes(number)) return;
  numbers.push(number);
  const phone = byId("phone").content.firstElementChild.cloneNode(true);
  phone.id = "phone-" + number.slice(1);
  phone.querySelector("h3").textContent = `${name} · ${number}`;
  phone.querySelector(".chat").setAttribute("aria-label", `${say("chat")} ${name}`);
  const input = phone.querySelector("input");
  input.id = "text-" + number.slice(1);
  const label = phone.querySelector(".write label");
  label.htmlFor = input.id;
  label.textContent = `${say("message")} ${name}`;
  phone.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value;
    input.value = "";
    attempt(() => ask("write", { number, text }));
  });
  const shows = phone.querySelector("[name=shows]");
  shows.addEventListener("change", () => attempt(() => ask("person", { number, shows: shows.value })));
  phone.querySelector(".move").addEventListener("click", () => attempt(async () => {
    const moved = await ask("person", { number, new_number: nextNumber(phone.dataset.number) });
    tell(`${say("moved")} ${moved.number}`);
  }));
  phone.dataset.number = number;
  for (const button of phone.querySelectorAll("[data-kind]")) {
    button.addEventListener("click", () => attempt(() => ask("write", { number, kind: button.dataset.kind })));
  }
  translate(phone);
  byId("phones").append(phone);
}

// Of the same country, so that the number is a possible one: its last digits count up.
function nextNumber(number) {
  const last = String((Number(number.slice(-4)) + 1) % 10000).padStart(4, "0");
  return number.slice(0, -4) + last;
}

function bubble(message) {
  const item = document.createElement("li");
  item.className = message.mine ? "mine" : "theirs";
  const text = document.createElement("p");
  text.textContent = message.text;
  if (message.kind !== "text") {
    const file = document.createElement("span");
    file.className = "file";
    file.textContent = say(message.kind === "audio" ? "voice" : message.kind);
    text.prepend(file, message.text ? " " : "");
  }
  const foot = document.createElement("small");
  foot.textContent = new Date(message.at).toLocaleTimeString(language);
  if (!message.mine) {
    const tick = document.createElement("span");
    tick.className = "tick " + message.status;
    tick.textContent = " " + (TICKS[message.status] || "");
    tick.title = message.status;
    foot.append(tick);
  }
  item.append(text, foot);
  return item;
}

function showChat(number, chat) {
  const phone = byId("phone-" + number.slice(1));
  const list = phone.querySelector(".chat");
  const shown = JSON.stringify(chat.messages);
  if (list.dataset.shown !== shown || list.dataset.language !== language) {
    const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.dataset.shown = shown;
    list.dataset.language = language;
    list.replaceChildren(...chat.messages.map(bubble));
    if (follows) list.scrollTop = list.scrollHeight;
  }
  phone.dataset.number = chat.now.number;
  phone.querySelector("[name=shows]").value = chat.now.shows;
  const counts = COUNTS.filter((name) => chat.ledger[name]).map((name) => `${chat.ledger[name]} ${say(name)}`);
  phone.querySelector(".counts").textContent = counts.join(" · ");
}

function showLedger(total) {
  const rows = COUNTS.flatMap((name) => {
    const term = document.createElement("dt");
    term.textContent = say(name);
    const count = document.createElement("dd");
    count.textContent = total[name];
    count.id = "count-" + name;
    count.classList.toggle("bad", ["lost", "doubled", "out_of_order"].includes(name) && total[name] > 0);
    return [term, count];
  });
  byId("ledger").replaceChildren(...rows);
}

function button(root, id, text, pressed, act) {
  let found = byId(id);
  if (!found) {
    found = document.createElement("button");
    found.id = id;
    found.addEventListener("click", () => attempt(() => act(found)));
    root.append(found);
  }
  found.textContent = text;
  found.setAttribute("aria-pressed", String(pressed));
}

function showSwitches(switches) {
  for (const [name, on] of Object.entries(switches)) {
    const act = (self) => ask("switch", { name, on: self.getAttribute("aria-pressed") !== "true" });
    button(byId("switches"), "switch-" + name, say(name), on, act);
  }
}

function showParts(parts) {
  for (const [part, runs] of Object.entries(parts)) {
    const text = `${part}: ${runs ? say("kill") : say("start")}`;
    const act = (self) => ask("part", { part, start: self.getAttribute("aria-pressed") === "true" });
    button(byId("parts"), "part-" + part, text, !runs, act);
  }
}

async function look() {
  try {
    const state = await ask("state?numbers=" + encodeURIComponent(numbers.join(",")));
    for (const [number, chat] of Object.entries(state.chats)) showChat(number, chat);
    showLedger(state.total);
    showSwitches(state.switches);
    showParts(state.parts);
    if (byId("said").textContent === say("away")) tell("");
  } catch (error) {
    tell(say("away"), true);
  }
  setTimeout(look, LOOK_MS);
}

byId("call-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = Object.fromEntries(new FormData(event.target));
  attempt(async () => {
    const found = await ask("call", wanted);
    addPhone(found.number, wanted.name);
    const answer = found.answer;
    tell(`${say("ended")} ${found.status} ${answer.message || [answer.error, answer.details].join(": ")}`, found.status >= 400);
  });
});

byId("burst").addEventListener("click", () => attempt(async () => {
  const found = await ask("burst", { numbers });
  tell(`${say("taken")} ${found.taken} / ${found.of}`);
}));

byId("language").addEventListener("click", () => {
  language = language === "es" ? "en" : "es";
  show();
});

function show() {
  document.documentElement.lang = language;
  byId("language").textContent = language === "es" ? "English" : "Español";
  byId("language").lang = language === "es" ? "en" : "es";
  translate(document);
}

show();
look();
