// What is around the views: choices to click, words to type, the begin.
const views = { grid: viewGrid, cards: viewCards, table: viewTable, plot: viewPlot };

const extreme = (name) => `${name === "ssim" ? "highest" : "lowest"} ${titles[name]}`;

function summary(count) {
  const finished = data.runs.filter((run) => run.state === "finished").length;
  const bad = data.runs.length - finished;
  const parts = [`${data.runs.length} runs`, ...(bad ? [`${bad} not finished`] : []), ...(count < data.runs.length ? [`${count} shown`] : []), ...(state.best ? [state.by === "picked" ? `picked: run ${state.best.name}` : `${extreme(state.by)} ${format(state.best.figures[state.by])}: run ${state.best.name}`] : [])];
  $("summary").textContent = parts.join(" \u00b7 ");
  $("reset").hidden = count === data.runs.length;
}

function render() {
  state.best = best();
  $("best").value = state.by;
  const runs = shown();
  document.querySelectorAll("#views button").forEach((button) => button.setAttribute("aria-current", button.dataset.view === state.view));
  document.querySelectorAll("#controls [data-for]").forEach((node) => { node.hidden = !node.dataset.for.split(" ").includes(state.view); node.style.display = node.hidden ? "none" : ""; });
  $("sort").value = state.sort;
  $("direction").textContent = state.up ? "ascending" : "descending";
  $("main").replaceChildren(views[state.view](runs));
  document.querySelectorAll("#chips button").forEach((button) => button.setAttribute("aria-pressed", state.chosen[button.dataset.key]?.has(button.dataset.value) ?? false));
  summary(runs.length);
}

function sortBy(key) {
  state.up = state.sort === key ? !state.up : true;
  state.sort = key;
  render();
}

const options = (select, pairs, value) => { select.replaceChildren(...pairs.map(([key, title]) => el("option", { value: key, text: title }))); select.value = value; };

function begin() {
  const few = data.axes.filter((key) => values(key).length <= 12 && (data.axes.length === 1 || values(key).length * 2 <= data.runs.length + 1)); // not a search's random numbers
  const widest = [...few].sort((a, b) => values(b).length - values(a).length);
  state.across = widest[0] ?? "";
  state.down = few.find((key) => key !== state.across) ?? "";
  state.sort = "run";
  state.picked = recall();
  state.by = data.runs.some((run) => run.name === state.picked) ? "picked" : "";
  const regular = data.axes.length > 0 && few.length === data.axes.length;
  state.view = Array.isArray(data.objective) && figures.includes("style") ? "plot" : regular ? "grid" : "cards";
  options($("sort"), columns.map((one) => [one.key, one.title]), state.sort);
  options($("best"), [["", "not said"], ...figures.map((name) => [name, extreme(name)]), ["picked", "picked by hand"]], state.by);
  const axes = [["", "nothing"], ...data.axes.map((key) => [key, key])];
  options($("across"), axes, state.across);
  options($("down"), axes, state.down);
  options($("plot-colour"), axes, data.axes[0] ?? "");
  const pairs = figures.map((name) => [name, titles[name]]);
  options($("plot-x"), pairs, figures.includes("content") ? "content" : figures[0]);
  options($("plot-y"), pairs, figures.includes("style") ? "style" : figures[1] ?? figures[0]);
  $("chips").replaceChildren(...few.filter((key) => values(key).length > 1).map((key) => el("div", {}, el("span", { text: key }), ...values(key).map((value) => {
    const button = el("button", { text: label(value), title: `only ${key}=${value}` });
    Object.assign(button.dataset, { key, value });
    button.addEventListener("click", () => { const set = (state.chosen[key] ??= new Set()); set.has(value) ? set.delete(value) : set.add(value); render(); });
    return button;
  }))));
  const bad = data.runs.filter((run) => run.state !== "finished");
  $("failures").hidden = bad.length === 0;
  $("failures").querySelector("ul").replaceChildren(...bad.map((run) => el("li", {}, el("button", { text: "run " + run.name, onclick: () => open(run) }), ` ${run.state}: ${run.reason ?? "no word"}`)));
  $("notes").replaceChildren(...data.notes.map((note) => el("li", { text: note })));
  document.querySelectorAll("#views button").forEach((button) => button.addEventListener("click", () => { state.view = button.dataset.view; render(); }));
  $("search").addEventListener("input", () => { state.search = $("search").value; render(); });
  $("sort").addEventListener("change", () => { state.sort = $("sort").value; render(); });
  $("direction").addEventListener("click", () => { state.up = !state.up; render(); });
  $("zoom").addEventListener("input", () => document.documentElement.style.setProperty("--edge", $("zoom").value + "px"));
  $("best").addEventListener("change", () => { state.by = $("best").value; render(); });
  for (const key of ["across", "down"]) $(key).addEventListener("change", () => { state[key] = $(key).value; render(); });
  for (const id of ["plot-x", "plot-y", "plot-colour"]) $(id).addEventListener("change", render);
  $("reset").addEventListener("click", () => { state.search = $("search").value = ""; state.chosen = {}; state.columns = {}; render(); });
  render();
}

begin();
