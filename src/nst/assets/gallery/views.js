// Four ways to look at the runs that are shown.
function thumbnail(run, except = [], verbose = false) {
  const figure = state.sort && state.sort.startsWith("figure:") ? state.sort.slice(7) : figures.includes(state.by) ? state.by : "style";
  const picture = run.thumbnail
    ? el("img", { src: run.thumbnail, alt: "picture of run " + run.name, loading: "lazy", width: run.size[0], height: run.size[1] })
    : el("div", { class: "none", text: run.reason ?? run.state });
  const value = format(run.figures[figure]);
  const caption = el("span", { class: "caption" }, el("span", { text: "#" + run.name }), run.state === "finished" ? el("b", { text: value && `${titles[figure]} ${value}` }) : el("b", { class: "state", text: run.state }));
  const node = el("button", { class: "run" + (run === state.best ? " best" : ""), onclick: () => open(run), "data-run": run.name, title: run === state.best ? "the best, as chosen above" : null }, picture, caption);
  if (verbose) node.append(el("span", { class: "words", text: data.axes.filter((key) => !except.includes(key)).map((key) => `${key}=${label(choice(run, key))}`).join("  ") }));
  return node;
}

function viewCards(runs) {
  const box = el("div", { class: "cards" });
  box.append(...runs.map((run) => thumbnail(run, [], true)));
  return box;
}

function viewGrid(runs) {
  const rest = data.axes.filter((key) => key !== state.across && key !== state.down);
  const groups = new Map();
  for (const run of runs) {
    const name = rest.map((key) => `${key} = ${label(choice(run, key))}`).join(",  ");
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(run);
  }
  const first = (name) => Math.min(...groups.get(name).map((run) => data.runs.indexOf(run)));
  const order = [...groups.keys()].sort((a, b) => first(a) - first(b));
  const box = el("div", { class: "groups" });
  for (const name of order) {
    const inside = groups.get(name);
    const present = (key) => (key ? values(key).filter((value) => inside.some((run) => choice(run, key) === value)) : [null]);
    const across = present(state.across), down = present(state.down);
    const head = el("tr", {}, el("th", { text: state.down ? state.down + " \u2193" : "" }), ...across.map((value) => el("th", { text: state.across ? `${state.across} = ${label(value)}` : "" })));
    const table = el("table", { class: "grid" }, el("thead", {}, head));
    const body = el("tbody");
    for (const y of down) {
      const row = el("tr", {}, el("th", { text: label(y ?? "") }));
      for (const x of across) {
        const here = inside.filter((run) => (!state.across || choice(run, state.across) === x) && (!state.down || choice(run, state.down) === y));
        row.append(el("td", {}, ...here.map((run) => thumbnail(run))));
      }
      body.append(row);
    }
    table.append(body);
    box.append(el("section", { class: "group" }, ...(name ? [el("h2", { text: name })] : []), el("div", { class: "scroll" }, table)));
  }
  return box;
}

function viewTable(runs) {
  const head = el("tr", {}, el("th"), ...columns.map((one) => {
    const mark = state.sort === one.key ? (state.up ? " \u2191" : " \u2193") : "";
    const sort = el("button", { text: one.title + mark, onclick: () => sortBy(one.key), "data-sort": one.key });
    const filter = el("input", { type: "text", value: state.columns[one.key] ?? "", placeholder: one.number ? "< 0.5" : "word", "aria-label": "filter " + one.title, "data-filter": one.key });
    filter.addEventListener("input", () => { state.columns[one.key] = filter.value; fill(); });
    return el("th", { class: one.number ? "number" : "" }, sort, filter);
  }));
  const body = el("tbody");
  const fill = () => {
    const now = shown();
    body.replaceChildren(...now.map((run) => el("tr", { class: "row", onclick: () => open(run), "data-run": run.name },
      el("td", {}, ...(run.thumbnail ? [el("img", { src: run.thumbnail, alt: "", loading: "lazy" })] : [])),
      ...columns.map((one) => {
        const value = one.read(run);
        return el("td", { class: one.number ? "number" : one.key === "state" && value !== "finished" ? "state" : "", text: one.number ? format(value) : label(value) });
      }))));
    summary(now.length);
  };
  fill();
  return el("div", { class: "scroll" }, el("table", { class: "list" }, el("thead", {}, head), body));
}

const palette = ["#a3441f", "#2b6cb0", "#2f855a", "#b7791f", "#805ad5", "#d53f8c", "#319795", "#718096"];

// The runs that no other run beats in both figures: less is better, but of SSIM more.
function front(runs, x, y) {
  const sign = (name) => (name === "ssim" ? -1 : 1);
  const points = runs.map((run) => [sign(x) * run.figures[x], sign(y) * run.figures[y], run]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const out = [];
  for (const point of points) if (out.length === 0 || point[1] < out[out.length - 1][1]) out.push(point);
  return out.map((point) => point[2]);
}

function ticks(low, high) {
  const step = 10 ** Math.floor(Math.log10((high - low) / 4 || 1));
  const wide = [1, 2, 5, 10].map((k) => k * step).find((s) => (high - low) / s <= 7);
  const out = [];
  for (let v = Math.ceil(low / wide) * wide; v <= high + 1e-12; v += wide) out.push(Number(v.toPrecision(10)));
  return out;
}

function viewPlot(runs) {
  const x = $("plot-x").value, y = $("plot-y").value, by = $("plot-colour").value;
  const there = runs.filter((run) => isNumber(run.figures[x]) && isNumber(run.figures[y]));
  const box = el("div");
  if (there.length === 0) return el("p", { text: "No run that is shown has both figures." });
  const width = 1000, height = 560, left = 76, right = 24, top = 22, bottom = 56;
  const range = (name) => {
    const all = there.map((run) => run.figures[name]), low = Math.min(...all), high = Math.max(...all), pad = (high - low || Math.abs(high) || 1) * 0.07;
    return [low - pad, high + pad];
  };
  const [x0, x1] = range(x), [y0, y1] = range(y);
  const px = (v) => left + ((v - x0) / (x1 - x0)) * (width - left - right), py = (v) => height - bottom - ((v - y0) / (y1 - y0)) * (height - top - bottom);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const add = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    svg.append(node);
    return node;
  };
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.id = "plot";
  for (const v of ticks(x0, x1)) { add("line", { class: "rule", x1: px(v), x2: px(v), y1: top, y2: height - bottom }); add("text", { x: px(v), y: height - bottom + 18, "text-anchor": "middle" }, v); }
  for (const v of ticks(y0, y1)) { add("line", { class: "rule", x1: left, x2: width - right, y1: py(v), y2: py(v) }); add("text", { x: left - 8, y: py(v) + 4, "text-anchor": "end" }, v); }
  add("text", { class: "name", x: (left + width - right) / 2, y: height - 12, "text-anchor": "middle" }, titles[x]);
  add("text", { class: "name", x: 18, y: height / 2, transform: `rotate(-90 18 ${height / 2})`, "text-anchor": "middle" }, titles[y]);
  const edge = front(there, x, y);
  add("polyline", { class: "front", points: edge.map((run) => `${px(run.figures[x])},${py(run.figures[y])}`).join(" ") });
  const kinds = by ? values(by).filter((value) => there.some((run) => choice(run, by) === value)) : [];
  const amounts = kinds.map(asNumber);
  const smooth = kinds.length > palette.length && amounts.every((value) => value !== null);
  const shade = (value) => `hsl(${220 - 200 * ((value - Math.min(...amounts)) / (Math.max(...amounts) - Math.min(...amounts) || 1))} 65% 48%)`;
  const colour = (run) => (!by ? palette[0] : smooth ? shade(asNumber(choice(run, by))) : palette[kinds.indexOf(choice(run, by)) % palette.length]);
  for (const run of there) {
    const on = edge.includes(run);
    const point = add("circle", { class: "point", cx: px(run.figures[x]), cy: py(run.figures[y]), r: on ? 8 : 6, fill: colour(run), "fill-opacity": on ? 1 : 0.5, "data-run": run.name, tabindex: 0 });
    point.addEventListener("click", () => open(run));
    point.addEventListener("keydown", (event) => { if (event.key === "Enter") open(run); });
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `#${run.name}  ${titles[x]} ${format(run.figures[x])}, ${titles[y]} ${format(run.figures[y])}\n` + data.axes.map((key) => `${key}=${choice(run, key)}`).join("\n");
    point.append(title);
  }
  const legend = el("div", { class: "legend" }, el("span", { text: `the dashed line is the front: ${edge.length} of ${there.length} runs that no other beats in both` }));
  const entries = smooth ? [kinds[0], kinds[kinds.length - 1]] : kinds;
  legend.append(...entries.map((value) => { const dot = el("i"); dot.style.background = smooth ? shade(asNumber(value)) : palette[kinds.indexOf(value) % palette.length]; return el("span", {}, dot, `${by}=${label(value)}`); }));
  box.append(svg, legend, el("h2", { text: "The front" }), el("div", { class: "cards" }, ...edge.map((run) => thumbnail(run, [], true))));
  return box;
}
