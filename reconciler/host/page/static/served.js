// What the gateway serves and really runs, and what this host itself serves.

import { counted, el, facts } from "./dom.js";

export function served(place, { home }) {
  place.append(el("h1", {}, "Served"));
  if (home.gateway) {
    const { url, reachable, state, notes } = home.gateway;
    const answers = !url ? "none is known for this home" : reachable ? "answers" : "does not answer";
    place.append(el("h2", {}, "Gateway"), facts([["Address", url], ["State", [answers, state ? ` (${state})` : ""].join("")]]));
    if (notes.length) place.append(el("ul", { class: "rows", "aria-label": "Not served as it should be" }, notes.map((note) => el("li", { class: "warn" }, note))));
  }
  if (home.serves) {
    const { items, faults } = home.serves;
    place.append(el("h2", {}, "This host"), el("p", {}, `It serves ${counted(items.length, "item")}.`));
    if (faults.length) place.append(el("ul", { class: "rows", "aria-label": "Faults" }, faults.map((fault) => el("li", { class: "bad" }, fault))));
    const row = (one) => el("li", { class: "row" }, el("span", {}, one.name), el("span", {}, one.version), one.enabled ? null : el("span", { class: "warn" }, "disabled"));
    place.append(el("ul", { class: "rows", "aria-label": "Items of this host" }, items.map(row)));
  }
  return "Served";
}
