// Shows the document's operations and sends what is filled in. Everything is set as text: nothing of an answer can run.
"use strict";

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function field(parameter) {
  const input = element("input", { name: parameter.name });
  input.dataset.place = parameter.in;
  return element("label", {}, `${parameter.name} (${parameter.in}) ${parameter.description ?? ""}`, input);
}

async function send(path, method, form, answer) {
  let url = path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("input[data-place]")) {
    if (input.dataset.place === "path") url = url.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(input.name, input.value);
  }
  const body = form.querySelector("textarea");
  const headers = { "X-Service-Token": document.getElementById("token").value };
  if (body) headers["Content-Type"] = body.dataset.type;
  try {
    const response = await fetch(query.size ? `${url}?${query}` : url, { method, headers, body: body?.value });
    answer.textContent = `${response.status}\n${await response.text()}`;
  } catch (error) {
    answer.textContent = String(error);
  }
}

function operation(path, method, described) {
  const answer = element("pre", { textContent: "not sent yet" });
  const form = element("form", {}, ...(described.parameters ?? []).map(field));
  const types = Object.keys(described.requestBody?.content ?? {});
  if (types.length) {
    const body = element("textarea", { value: types[0].endsWith("json") ? "{}" : "" });
    body.dataset.type = types[0];
    form.append(element("label", {}, types[0], body));
  }
  form.append(element("button", { type: "submit", textContent: "Send" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(path, method.toUpperCase(), form, answer);
  });
  const head = element("summary", {}, element("span", { className: "method", textContent: method.toUpperCase() }),
    element("code", { textContent: path }), ` ${described.summary}`);
  return element("details", {}, head, form, answer);
}

fetch("/openapi.json").then((response) => response.json()).then((described) => {
  const place = document.getElementById("operations");
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, each] of Object.entries(methods)) place.append(operation(path, method, each));
  }
});
