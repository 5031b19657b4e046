// What the gateway serves and really runs, and what this host itself serves.

import { counted, el, facts, rowsBelow } from "./dom.js";

export function served(place, { home }) {
  place.append(el("h1", {}, "Served"));
  if (home.gateway) {
    const { url, reachable, state, notes, servers } = home.gateway;
    const answers = !url ? "none is known for this home" : reachable ? "answers" : "does not answer";
    place.append(el("h2", {}, "Gateway"), facts([["Address", url], ["State", [answers, state ? ` (${state})` : ""].join("")]]));
    if (notes.length) place.append(el("ul", { class: "rows", "aria-label": "Not served as it should be" }, notes.map((note) => el("li", { class: "warn" }, note))));
    place.append(...toolServers("Tool servers of the gateway", servers, "“llamagate status”"));
  }
  if (home.serves) {
    const { items, faults, servers } = home.serves;
    place.append(el("h2", {}, "This host"), el("p", {}, `It serves ${counted(items.length, "item")}.`));
    if (faults.length) place.append(el("ul", { class: "rows", "aria-label": "Faults" }, faults.map((fault) => el("li", { class: "bad" }, fault))));
    const row = (one) => el("li", { class: "row" }, el("span", {}, one.name), el("span", {}, one.version), one.enabled ? null : el("span", { class: "warn" }, "disabled"));
    place.append(el("ul", { class: "rows", "aria-label": "Items of this host" }, items.map(row)));
    place.append(...toolServers("Tool servers of this host", servers, "“/mcp/servers”"));
  }
  return "Served";
}

/** Each server with how it is, and why where it does not work. */
function toolServers(title, servers, rest) {
  const row = (one) => {
    const words = one.trouble ?? (one.error ? `${one.status}: ${one.error}` : one.status);
    const state = el("span", { class: one.trouble || one.error ? "bad" : null }, words);
    return el("li", { class: "row" }, el("span", {}, one.name), el("span", {}, one.transport), el("span", {}, counted(one.tools, "tool")), state);
  };
  return rowsBelow(title, servers ?? [], row, rest);
}
