"use strict";
// The runs, and which of them are shown in which order. Text from outside is only ever set as textContent.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const titles = { ...data.titles, score: "score", style: "style", content: "content", ssim: "SSIM", lpips: "LPIPS", tv: "variation", loss: "loss", seconds: "seconds", peak_mb: "memory, MB" };
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const figures = Object.keys(titles).filter((name) => data.runs.some((run) => isNumber(run.figures[name])));
const state = { view: null, search: "", sort: null, up: true, chosen: {}, columns: {}, across: null, down: null, by: "", picked: null, best: undefined };

function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "text") node.textContent = value;
    else if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

const choice = (run, key) => run.choices[key] ?? "default";
const label = (value) => (String(value).length > 8 && asNumber(String(value)) !== null ? String(Number(Number(value).toPrecision(4))) : value); // of a search: 0.04481050663259536
const asNumber = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null);

// Columns of the table: key -> how to read it off a run. A figure and a choice may have the same name.
const columns = [
  { key: "run", title: "run", read: (run) => run.name },
  { key: "state", title: "state", read: (run) => run.state },
  ...data.axes.map((key) => ({ key: "choice:" + key, title: key, read: (run) => choice(run, key) })),
  ...figures.map((key) => ({ key: "figure:" + key, title: titles[key], read: (run) => run.figures[key], number: true })),
];
const column = (key) => columns.find((one) => one.key === key) ?? columns[0];

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  if (isNumber(a) && isNumber(b)) return a - b;
  const [x, y] = [asNumber(String(a)), asNumber(String(b))];
  if (x !== null && y !== null) return x - y;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

const values = (key) => [...new Set(data.runs.map((run) => choice(run, key)))].sort(compare);

// A column's filter: a word in it; for numbers also `<0.5`, `>=3`, `0.2..0.4`.
function accepts(filter, value) {
  const text = filter.trim();
  if (text === "") return true;
  const range = text.match(/^([-+\d.e]+)\s*\.\.\s*([-+\d.e]+)$/i);
  const bound = text.match(/^(<=|>=|<|>|=)\s*([-+\d.e]+)$/i);
  const number = isNumber(value) ? value : asNumber(String(value ?? ""));
  if (range) return number !== null && number >= Number(range[1]) && number <= Number(range[2]);
  if (bound) {
    const limit = Number(bound[2]);
    if (number === null) return false;
    return { "<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit, "=": number === limit }[bound[1]];
  }
  return String(value ?? "").toLowerCase().includes(text.toLowerCase());
}

function words(run) {
  return [run.name, run.state, run.reason ?? "", run.command, ...Object.entries(run.choices).map(([k, v]) => `${k}=${v}`)].join(" ").toLowerCase();
}

function shown() {
  const wanted = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  const runs = data.runs.filter((run) =>
    wanted.every((word) => words(run).includes(word)) &&
    Object.entries(state.chosen).every(([key, set]) => set.size === 0 || set.has(choice(run, key))) &&
    Object.entries(state.columns).every(([key, filter]) => accepts(filter, column(key).read(run))));
  const by = column(state.sort);
  const order = state.up ? 1 : -1;
  return runs.map((run, place) => [run, place]).sort(([a, i], [b, j]) => {
    const [x, y] = [by.read(a), by.read(b)];
    const missing = (v) => v === null || v === undefined;
    if (missing(x) || missing(y)) return missing(x) - missing(y) || i - j; // what has no figure stands last, either way
    return order * compare(x, y) || i - j;
  }).map(([run]) => run);
}

// Which run is the best is for people to say: the extreme of a figure, or one picked by hand, which this browser remembers.
const remembered = "nst gallery: " + data.title;
function recall() { try { return localStorage.getItem(remembered); } catch { return null; } } // no storage: only until the page is closed
function pick(run) {
  state.picked = run?.name ?? null;
  state.by = run ? "picked" : "";
  try { run ? localStorage.setItem(remembered, run.name) : localStorage.removeItem(remembered); } catch { /* as above */ }
}
function best() {
  if (state.by === "picked") return data.runs.find((run) => run.name === state.picked);
  const order = (run) => (state.by === "ssim" ? -1 : 1) * run.figures[state.by];
  return data.runs.filter((run) => isNumber(run.figures[state.by])).reduce((a, b) => (a && order(a) <= order(b) ? a : b), undefined);
}
const format = (value) => (!isNumber(value) ? "" : Number.isInteger(value) ? String(value) : Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 1 ? value.toPrecision(4) : value.toFixed(4));
