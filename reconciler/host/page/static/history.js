// What was done, newest first, and the difference of any two generations.

import { appendAll, counted, el, moment } from "./dom.js";
import { get } from "./data.js";
import { changes } from "./plan.js";

export async function history(place, context) {
  const found = await get("history", context.signal);
  const numbers = found.generations.map((one) => one.generation);
  place.append(el("h1", {}, "History"));
  if (!numbers.length) {
    place.append(el("p", {}, "Nothing was applied yet."));
    return "History";
  }
  if (numbers.length > 1) place.append(chooser(numbers));
  const list = el("ol", { class: "timeline", "aria-label": "Generations" });
  place.append(list);
  appendAll(list, found.generations, (one) => generation(one, found.generation, numbers), context.signal);
  return "History";
}

function chooser(numbers) {
  const choice = (id, chosen) =>
    el("select", { id }, numbers.map((number) => el("option", { value: number, selected: number === chosen }, `Generation ${number}`)));
  const [from, to] = [choice("from", numbers[1]), choice("to", numbers[0])];
  const submit = (event) => {
    event.preventDefault();
    location.hash = `#/compare/${from.value}/${to.value}`;
  };
  return el("form", { class: "controls", on: { submit } }, el("label", {}, "From", from), el("label", {}, "To", to), el("button", {}, "Compare"));
}

function generation(one, current, numbers) {
  const before = numbers[numbers.indexOf(one.generation) + 1];
  const title = `Generation ${one.generation}${one.generation === current ? " (now)" : ""}`;
  return el(
    "li",
    {},
    el("h2", {}, title),
    one.applied_at ? el("p", {}, moment(one.applied_at), ` by “${one.command}”${one.list_of && one.list_of !== one.generation ? `, with the list of generation ${one.list_of}` : ""}`) : el("p", { class: "warn" }, "It cannot be read."),
    one.message ? el("p", {}, one.message) : null,
    one.changes === null
      ? el("p", { class: "quiet" }, "The one before is not kept: what changed is not known.")
      : el("ul", { class: "rows" }, one.changes.slice(0, 20).map((text) => el("li", {}, el("code", {}, text))), one.changes.length > 20 ? el("li", { class: "quiet" }, `and ${counted(one.changes.length - 20, "more change")}`) : null),
    before === undefined ? null : el("p", {}, el("a", { href: `#/compare/${before}/${one.generation}` }, `What changed since generation ${before}`)),
  );
}

export async function compare(place, context) {
  const [from = "", to = ""] = context.words;
  const query = `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
  const found = await get(`compare?${query}`, context.signal);
  place.append(el("h1", {}, `From ${found.from} to ${found.to}`));
  if (!found.items.length) place.append(el("p", {}, "They do not differ."));
  else changes(place, found.items, (one) => `compare/${one.kind}/${encodeURIComponent(one.id)}?${query}`, context);
  return `Generation ${from} to ${to || "the home"}`;
}
