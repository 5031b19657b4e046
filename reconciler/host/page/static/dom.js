// Elements from values. Text is only ever text: nothing here reads HTML.

/** An element. `properties` are attributes, but for `on`, which has the listeners; what is null or false is left out. */
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(key, value === true ? "" : String(value));
    }
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** An element of a drawing. */
export function svg(name, properties = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Names and values; a value that is empty is left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", {}, shown.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

const PAUSE_AFTER = 20; // milliseconds of work, after which others have their turn

/** Append what `make` gives for each value, in slices, so that the page answers meanwhile. `signal` ends it early. */
export async function appendAll(parent, values, make, signal) {
  let since = performance.now();
  let slice = document.createDocumentFragment();
  for (const value of values) {
    slice.append(make(value));
    if (performance.now() - since > PAUSE_AFTER) {
      parent.append(slice);
      slice = document.createDocumentFragment();
      await new Promise((done) => setTimeout(done));
      if (signal.aborted) return;
      since = performance.now();
    }
  }
  parent.append(slice);
}

/** "1 item", "2 items". */
export function counted(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}

/** A moment as the local clock shows it; the exact one is in its title. */
export function moment(text) {
  const date = new Date(text);
  return Number.isNaN(date.valueOf()) ? text : el("time", { datetime: text, title: text }, date.toLocaleString());
}
