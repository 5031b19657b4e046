// Try an extension: a form from its inputs, and what it gives.

import { el, facts } from "./dom.js";
import { get, post } from "./data.js";

export async function tried(place, { home, options, setOptions, signal }) {
  if (!home.serves) throw new Error("A watcher runs nothing; “llamagate serve” does.");
  place.append(el("h1", {}, "Try"));
  const names = home.serves.tries;
  if (!names.length) {
    place.append(el("p", {}, "No workflow is served."));
    return "Try";
  }
  const chosen = names.includes(options.get("name")) ? options.get("name") : names[0];
  const choice = el("select", { id: "name" }, names.map((name) => el("option", { value: name, selected: name === chosen }, name)));
  const form = el("div");
  let drawn = new AbortController();
  const drawChosen = async () => {
    drawn.abort(); // what another workflow still asks for, or gives
    drawn = new AbortController();
    const mine = AbortSignal.any([signal, drawn.signal]);
    try {
      await draw(form, choice.value, mine);
    } catch (error) {
      if (!mine.aborted) form.replaceChildren(el("p", { class: "bad", role: "alert" }, error.message));
    }
  };
  choice.addEventListener("change", () => {
    setOptions({ name: choice.value });
    drawChosen();
  });
  place.append(el("div", { class: "controls" }, el("label", {}, "Workflow", choice)), form);
  await drawChosen();
  return "Try";
}

async function draw(place, name, signal) {
  const { inputs } = await get(`inputs/${encodeURIComponent(name)}`, signal);
  const fields = inputs.map((one) => [one, field(one)]);
  const result = el("div", { role: "status" });
  const submit = async (event) => {
    event.preventDefault();
    result.replaceChildren(el("p", { class: "quiet" }, "Running…"));
    try {
      const given = Object.fromEntries(fields.map(([one, made]) => [one.id, value(one, made)]).filter(([, one]) => one !== undefined));
      show(result, await post(`data/run/${encodeURIComponent(name)}`, given, signal));
    } catch (error) {
      if (!signal.aborted) result.replaceChildren(el("p", { class: "bad" }, error.message));
    }
  };
  if (signal.aborted) return;
  const label = ([one, made]) => el("label", {}, `${one.id}${one.required ? " (required)" : ""}${one.description ? `: ${one.description}` : ""}`, made);
  place.replaceChildren(el("form", { on: { submit } }, fields.map(label), el("p", {}, el("button", {}, "Run"))), result);
}

function field(one) {
  const id = `input-${one.id}`;
  if (one.type === "boolean" && !one.required && one.default === null) {
    return el("select", { id }, ["", "true", "false"].map((word) => el("option", { value: word }, word || "not given")));
  }
  if (one.type === "boolean") return el("input", { id, type: "checkbox", checked: one.default === true });
  if (one.type === "number" || one.type === "integer") return el("input", { id, type: "number", step: one.type === "integer" ? 1 : "any", value: one.default, required: one.required });
  const text = typeof one.default === "string" || one.default === null ? (one.default ?? "") : JSON.stringify(one.default);
  return el("textarea", { id, rows: 3, required: one.required }, text);
}

function value(one, made) {
  if (made.type === "checkbox") return made.checked;
  if (made.value === "") return undefined;
  if (one.type === "number" || one.type === "integer") return Number(made.value);
  if (one.type === "string") return made.value;
  try {
    return JSON.parse(made.value);
  } catch (error) {
    throw new Error(`${one.id} is not JSON: ${error.message}`);
  }
}

function show(place, found) {
  const written = (one) => el("pre", {}, typeof one === "string" ? one : JSON.stringify(one, null, 2));
  place.replaceChildren(el("h2", {}, found.error ? "It failed" : "It gave"));
  if (found.error) place.append(el("p", { class: "bad" }, found.error));
  else place.append(facts(Object.entries(found.data).map(([name, one]) => [name, written(one)])));
  if (!found.steps?.length) return;
  place.append(el("h2", {}, "Steps"));
  for (const step of found.steps) {
    const head = `${"· ".repeat(step.depth)}${step.name || step.uses} (${step.uses}): ${step.state}, ${step.seconds.toFixed(3)} s`;
    const asked = step.asked.flatMap((one) => [["Prompt", written(one.prompt)], ["Answer", written(one.answer)]]);
    const parts = [["Arguments", step.arguments], ["Result", step.result], ["Error", step.error]].filter(([, one]) => one !== null);
    const shown = [...parts.slice(0, 1), ...asked.map(([name, one]) => [name, one]), ...parts.slice(1)];
    place.append(el("details", {}, el("summary", {}, head), facts(shown.map(([name, one]) => [name, one instanceof Node ? one : written(one)]))));
  }
}
