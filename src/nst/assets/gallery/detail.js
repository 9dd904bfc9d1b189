// One run, large: the slider, the pictures side by side, what made it.
let current = null;

function address(run) { return run.large ?? run.thumbnail; }

function open(run) {
  current = run;
  const dialog = $("detail");
  dialog.querySelector("h2").textContent = `run ${run.name}` + (run.state === "finished" ? "" : ` (${run.state})`);
  $("reason").textContent = run.reason ?? "";
  const befores = run.sources.filter(([, , key]) => data.sources[key]).map(([kind, name, key]) => [kind, name, data.sources[key]]);
  const result = address(run);
  $("slider").hidden = !result;
  $("slider").querySelector(".under").src = result ?? "";
  $("against").replaceChildren(...befores.map(([kind, name, source], place) => {
    const button = el("button", { text: `${kind}: ${name}`, onclick: () => against(place) });
    button.dataset.source = source;
    return button;
  }));
  $("against").parentElement.hidden = befores.length === 0 || !result;
  against(0);
  const three = [...befores.map(([kind, name, source]) => [source, `${kind}: ${name}`]), ...(result ? [[result, "result"]] : []), ...(run.film ? [[run.film, "how it came to be"]] : [])];
  $("three").replaceChildren(...three.map(([source, caption]) => el("figure", {}, el("img", { src: source, alt: caption, title: "full size", onclick: (event) => event.target.requestFullscreen?.() }), el("figcaption", { text: caption }))));
  if (run.file) $("three").children[befores.length].append(el("a", { href: run.file, text: "the file itself" }));
  const row = (key, value, swept) => el("tr", { class: swept ? "swept" : "" }, el("td", { text: key }), el("td", { text: value }));
  const chosen = [...new Set([...data.axes, ...Object.keys(run.choices)])].filter((key) => key in run.choices || data.axes.includes(key));
  $("choices").replaceChildren(...chosen.map((key) => row(key, choice(run, key), data.axes.includes(key))));
  $("figures").replaceChildren(...Object.keys(titles).map((name) => row(titles[name], isNumber(run.figures[name]) ? format(run.figures[name]) : "none")));
  const commands = [["The same choices again", run.command], ["The same bytes of pixels again", run.recipe]].filter(([, line]) => line);
  $("commands").replaceChildren(...commands.map(([title, line]) => {
    const copy = el("button", { text: "copy" });
    copy.addEventListener("click", () => copyText(line, copy));
    return el("div", { class: "command" }, title, el("pre", { text: line }), copy);
  }));
  $("run-notes").replaceChildren(...run.notes.map((note) => el("li", { text: note })));
  $("pick").setAttribute("aria-pressed", state.by === "picked" && state.picked === run.name);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function against(place) {
  const buttons = [...$("against").children];
  buttons.forEach((button, number) => button.setAttribute("aria-pressed", number === place));
  const source = buttons[place]?.dataset.source;
  $("slider").classList.toggle("single", !source);
  $("slider").querySelector(".over").src = source ?? "";
}

async function copyText(text, button) {
  try { await navigator.clipboard.writeText(text); } catch {
    const box = el("textarea", {});
    box.value = text;
    $("detail").append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1200);
}

function step(by) {
  const runs = shown();
  const place = runs.indexOf(current);
  if (runs.length) open(runs[(place + by + runs.length) % runs.length]);
}

$("slider").querySelector("input").addEventListener("input", (event) => $("slider").style.setProperty("--at", event.target.value / 10 + "%"));
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("pick").addEventListener("click", () => {
  pick(state.by === "picked" && state.picked === current.name ? null : current);
  render();
  open(current);
});
$("close").addEventListener("click", () => $("detail").close());
$("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });
$("detail").addEventListener("keydown", (event) => {
  if (event.target.type === "range") return; // the arrows move the slider
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
