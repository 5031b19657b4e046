// What is installed, and one item with all that is known of it.

import { appendAll, counted, el, facts, filtering, moment } from "./dom.js";
import { get } from "./data.js";
import { driftText } from "./overview.js";
import { showDiff } from "./diff.js";

export async function items(place, { home, options, setOptions, signal }) {
  if (home.error) throw new Error(home.error);
  const list = el("ul", { class: "rows", "aria-label": "Items" });
  const count = el("p", { class: "quiet", role: "status" });
  const input = el("input", { type: "search", id: "filter", value: options.get("q") ?? "" });
  const rows = home.items.map((one) => [one, row(one)]);
  const filtered = filtering(rows, signal, (shown) => {
    count.textContent = shown === rows.length ? counted(shown, "item") : `${shown} of ${counted(rows.length, "item")}`;
  });
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    setOptions({ q: input.value });
    return filtered((one) => {
      const text = `${one.id} ${one.name} ${one.kind} ${one.state} ${one.owner ?? ""} ${one.enabled ? "" : "disabled"}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  };
  input.addEventListener("input", filter);
  place.append(el("h1", {}, "Items"), el("div", { class: "controls" }, el("label", {}, "Filter", input)), count, list);
  filter();
  appendAll(list, rows, ([, made]) => made, signal);
  return "Items";
}

function row(one) {
  const state = [one.enabled ? "" : "disabled", one.state === "installed" ? "" : one.state].filter(Boolean).join(", ");
  return el(
    "li",
    { class: "row" },
    el("a", { href: `#/item/${one.kind}/${encodeURIComponent(one.id)}` }, one.id),
    el("span", {}, one.version),
    el("span", { class: "quiet" }, one.kind),
    state ? el("span", { class: "warn" }, state) : null,
  );
}

export async function item(place, { words: [kind = "", id = ""], signal }) {
  const found = await get(`item/${kind}/${encodeURIComponent(id)}`, signal);
  place.append(
    el("h1", {}, `${found.id} ${found.version ?? ""}`),
    found.description ? el("p", {}, found.description) : "",
    facts([
      ["State", `${found.state}${found.enabled === false ? `, disabled${found.enabled_by ? ` by ${found.enabled_by}` : ""}` : ""}`],
      ["Kind", found.kind],
      ["Source", found.source && el("code", {}, source(found.source))],
      ["Wanted version", found.range],
      ["Listed in", found.listed && el("code", {}, `${found.listed.file}${found.listed.line ? `:${found.listed.line}` : ""}`)],
      ["Owner", found.owner],
      ["Digest of its files", found.tree && el("code", {}, found.tree)],
      ["Paused", found.suspended],
    ]),
  );
  list(place, "Notes", found.notes, (note) => [note]);
  list(place, "Configuration", found.config, (one) => [el("code", {}, `${one.key} = ${JSON.stringify(one.value)}`), from(one)]);
  list(place, "Routes", found.routes, (one) => [
    el("code", {}, `${one.method} ${one.path}`),
    one.requires_auth ? "with the key" : el("span", { class: "mark" }, "without a key"),
  ]);
  list(place, "Needs", found.needs, (one) => [one.to, one.how === "step" ? "a step uses it" : "depends_on"]);
  list(place, "Needed by", found.needed_by, (one) => [one.from, one.how === "step" ? "a step uses it" : "depends_on"]);
  list(place, "Files", found.files, (one) => [el("code", {}, one.path), one.state === "installed" ? "" : one.state]);
  list(place, "History", found.history, (one) => [`Generation ${one.generation}: ${[one.changes].flat().join(", ")}`, moment(one.applied_at)]);
  if (found.drift?.length) {
    place.append(el("h2", {}, "Changed by hand"), el("ul", { class: "rows" }, found.drift.map((one) => el("li", {}, driftText(one)))));
    const lines = el("div");
    place.append(lines);
    await showDiff(lines, await get(`drift/${kind}/${encodeURIComponent(id)}`, signal), { signal });
  }
  return id;
}

function source(found) {
  return typeof found === "string" ? found : Object.entries(found).map(([name, value]) => `${name}: ${value}`).join(", ");
}

function from(one) {
  return el("span", { class: "quiet" }, `from ${one.from}${one.line ? `, line ${one.line}` : ""}`);
}

function list(place, title, values, parts) {
  if (!values?.length) return;
  const row = (one) => el("li", { class: "row" }, parts(one).map((part) => (part ? el("span", {}, part) : null)));
  place.append(el("h2", {}, title), el("ul", { class: "rows", "aria-label": title }, values.map(row)));
}
