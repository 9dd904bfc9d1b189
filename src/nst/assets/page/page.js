// The page: what is chosen, what is sent, what is shown. No library, no request to another host.
import { Brush } from "./brush.js";

const $ = (id) => document.getElementById(id);
const STEPS = [16, 32, 64, 96, 160, 256, 400];
const HOW_LONG = ["a sketch", "short", "fairly short", "the usual", "long", "very long", "as long as it takes"];
const DRAFT = "nst-draft";
const brush = new Brush();
const now = { photo: null, styles: [], start: null, offered: null, runs: [], shown: null, state: null, sure: null, asked: 0, answered: 0, chosen: 0, jobs: new Map() };

// ---- Talking to the server ----

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "X-Nst": "page" } });
  } catch {
    throw new Error("the program that serves this page does not answer; is it still running?");
  }
  const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error ?? `the server answered ${answer.status}`);
  return told;
}

const post = (path, value) => ask(path, { method: "POST", body: value === undefined ? undefined : JSON.stringify(value) });
const upload = (kind, file, name) =>
  ask(`/api/upload/${kind}?name=${encodeURIComponent(name)}`, { method: "POST", body: file }).catch((error) => {
    throw Object.assign(error, { named: error.message.startsWith(name) }); // a file's name keeps its small letter
  });

// Do something that can fail; its error is a sentence in the page.
async function attempt(act) {
  $("error").textContent = "";
  try {
    return await act();
  } catch (error) {
    $("error").textContent = error.named ? stopped(error.message) : sentence(error.message);
    $("error").scrollIntoView({ block: "nearest" });
    return null;
  }
}

const stopped = (text) => text + (/[.!?]$/.test(text) ? "" : ".");
const sentence = (text) => (text ? stopped(text[0].toUpperCase() + text.slice(1)) : "");

function make(tag, fields = {}, ...children) {
  const node = Object.assign(document.createElement(tag), fields);
  node.append(...children);
  return node;
}

// Build what is in a node anew only where `key` has changed, and keep the focus at its place.
function fill(node, key, build) {
  const text = JSON.stringify(key);
  if (node.built === text) return;
  const at = [...node.children].indexOf(document.activeElement);
  node.built = text;
  node.replaceChildren(...build());
  if (at >= 0) node.children[Math.min(at, node.children.length - 1)]?.focus();
}

// ---- The photograph ----

function showPhoto(photo) {
  if (photo?.id !== now.photo?.id || photo?.sample !== now.photo?.sample) brush.layers.clear();
  now.photo = photo;
  $("photograph").hidden = !photo;
  $("photograph").alt = photo ? `Your photograph ${photo.name}` : "";
  if (photo) $("photograph").src = addressOf(photo);
  const size = photo?.width ? `, ${photo.width} × ${photo.height} pixels` : "";
  $("photograph-name").textContent = photo ? [`${photo.name}${size}`, ...(photo.notes ?? [])].join(". ") : "Drop a photograph here, or";
  for (const button of $("samples").children) button.setAttribute("aria-pressed", String(button.dataset.sample === photo?.sample));
  showRegions();
  showEmpty();
  remember();
}

const addressOf = ({ id, sample }) => (id ? `/api/pictures/${id}/preview` : `/api/sample/photograph/${sample}`);

async function takePhoto(file, name = file.name) {
  await attempt(async () => {
    $("photograph-name").textContent = "Reading …";
    try {
      showPhoto(await upload("picture", file, name));
    } catch (error) {
      showPhoto(now.photo);
      throw error;
    }
  });
  $("file").value = "";
}

async function openCamera() {
  await attempt(async () => {
    if (!navigator.mediaDevices) throw new Error("a browser gives its camera to pages of this machine or over https only; choose a file instead");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 } } }).catch(() => {
      throw new Error("there is no camera, or the browser was not allowed to use it; choose a file instead");
    });
    $("video").srcObject = stream;
    $("camera-dialog").onclose = () => stream.getTracks().forEach((track) => track.stop());
    $("camera-dialog").showModal();
  });
}

function shoot() {
  const video = $("video"), canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  $("camera-dialog").close();
  canvas.toBlob((blob) => takePhoto(blob, "camera.png"), "image/png");
}

// ---- The styles ----

const keyOf = (style) => style.name ?? style.picture;

function addCard({ key, title, address, checked }) {
  const box = make("input", { type: "checkbox", value: key, checked });
  box.addEventListener("change", chooseStyles);
  $("cards").append(make("label", { className: "card" }, box, make("img", { src: address, alt: "", loading: "lazy" }), title));
}

async function takeStyles(files) {
  for (const file of files) {
    await attempt(async () => { addOwn(await upload("picture", file, file.name), true); chooseStyles(); });
  }
  $("own-style").value = "";
}

function addOwn(picture, checked) {
  if (![...document.querySelectorAll("#cards input")].some((box) => box.value === picture.id)) {
    addCard({ key: picture.id, title: picture.name, address: `/api/pictures/${picture.id}/preview`, checked });
  }
}

function chooseStyles() {
  const boxes = [...document.querySelectorAll("#cards input:checked")];
  const shares = new Map(now.styles.map((style) => [keyOf(style), style.share]));
  now.styles = boxes.map((box) => {
    const named = now.offered.styles.some((style) => style.name === box.value);
    return { [named ? "name" : "picture"]: box.value, share: shares.get(box.value) ?? 1, title: box.parentNode.textContent };
  });
  showShares();
  showEmpty();
  remember();
}

function showShares() {
  $("shares").replaceChildren();
  if (now.styles.length < 2) return;
  const rows = now.styles.map((style) => {
    const id = `share-${keyOf(style)}`, out = make("output", { htmlFor: id });
    const slider = make("input", { type: "range", id, min: 0.1, max: 3, step: 0.1, value: style.share });
    slider.addEventListener("input", () => { style.share = Number(slider.value); show(); });
    $("shares").append(make("label", { className: "slider", htmlFor: id }, `Share of ${style.title}`, out), slider);
    return { style, out };
  });
  const show = () => {
    const all = now.styles.reduce((sum, style) => sum + style.share, 0);
    for (const { style, out } of rows) out.textContent = `${Math.round((100 * style.share) / all)} %`;
  };
  show();
}

// ---- The sliders ----

const times = (factor) => `${Number(factor.toPrecision(2))} ×`;
const WORDS = {
  balance: (value) => (value === 0 ? "the usual" : value > 0 ? `more painting (${times(2 ** value)})` : `more photograph (${times(2 ** -value)})`),
  strokes: (value) => (value === 0 ? "the usual" : value > 0 ? `larger (${times(2 ** value)})` : `finer (${times(2 ** value)})`),
  size: (value) => `${value} pixels`,
  steps: (value) => `${HOW_LONG[value]}, ${STEPS[value]} steps${estimate()}`,
};

// The seconds that the present sliders will take, from the last picture that was finished.
function estimate() {
  const last = now.runs.find((run) => run.seconds && run.state === "finished" && !run.grid);
  if (!last) return "";
  const work = (steps, size) => steps * size ** 2;
  const seconds = (last.seconds * work(STEPS[$("steps").value], Number($("size").value))) / work(last.settings.steps, last.settings.size);
  return `, about ${duration(seconds)}`;
}

const duration = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`);

function showSliders() {
  $("recipe-about").textContent = $("recipe").selectedOptions[0].title;
  for (const [id, words] of Object.entries(WORDS)) {
    const text = words(Number($(id).value));
    document.querySelector(`output[for=${id}]`).textContent = text;
    $(id).setAttribute("aria-valuetext", text);
  }
}

// ---- Everything that is chosen ----

function chosen() {
  const number = (id) => ($(id).value === "" ? {} : { [id.replace("weight-", "")]: Number($(id).value) });
  return {
    ...(now.photo?.id ? { photograph: now.photo.id } : now.photo ? { sample: now.photo.sample } : {}),
    styles: now.styles.map(({ name, picture, share }) => ({ ...(name ? { name } : { picture }), share })),
    balance: Number($("balance").value),
    strokes: Number($("strokes").value),
    size: Number($("size").value),
    steps: STEPS[$("steps").value],
    colours: document.querySelector("input[name=colours]:checked").value,
    seed: Number($("seed").value || 0),
    ...Object.fromEntries(["backbone", "loss", "recipe"].filter((id) => $(id).value).map((id) => [id, $(id).value])),
    weights: { ...number("weight-content"), ...number("weight-style"), ...number("weight-tv") },
  };
}

// The same with the masks, which are uploaded where they have changed.
async function ready() {
  const settings = chosen();
  if (!now.photo) throw new Error("choose a photograph first");
  if (!now.styles.length) throw new Error("choose at least one painting");
  const mask = async (key) => {
    const layer = brush.layers.get(key), file = layer && (await brush.file(key));
    if (!file) return {};
    layer.id ??= (await upload("mask", file, `${key}.png`)).id;
    return { mask: layer.id };
  };
  for (const style of settings.styles) Object.assign(style, await mask(keyOf(style)));
  const kept = (await mask("keep")).mask;
  return { ...settings, ...(kept ? { keep: kept } : {}) };
}

function remember() {
  showSliders();
  try {
    localStorage.setItem(DRAFT, JSON.stringify(chosen()));
  } catch { /* a browser that keeps nothing */ }
}

// Set everything to earlier settings.
async function restore(settings) {
  const known = (id) => ask(`/api/pictures/${id}`).catch(() => null);
  if (settings.photograph) showPhoto((await known(settings.photograph)) ?? null);
  else showPhoto(sample(settings.sample));
  for (const style of settings.styles) {
    const own = style.picture && (await known(style.picture));
    if (own) addOwn(own, true);
  }
  const wanted = new Map(settings.styles.map((style) => [keyOf(style), style]));
  for (const box of document.querySelectorAll("#cards input")) box.checked = wanted.has(box.value);
  now.styles = [];
  chooseStyles();
  for (const style of now.styles) style.share = wanted.get(keyOf(style)).share ?? 1;
  showShares();
  for (const id of ["balance", "strokes", "size", "seed"]) $(id).value = settings[id] ?? 0;
  $("steps").value = Math.max(0, STEPS.findLastIndex((steps) => steps <= settings.steps));
  document.querySelector(`input[name=colours][value=${settings.colours ?? "painting"}]`).checked = true;
  for (const id of ["backbone", "loss", "recipe"]) $(id).value = settings[id] ?? "";
  for (const term of ["content", "style", "tv"]) $(`weight-${term}`).value = settings.weights?.[term] ?? "";
  brush.layers.clear();
  const masks = [["keep", settings.keep], ...settings.styles.map((style) => [keyOf(style), style.mask])].filter(([, id]) => id);
  await Promise.all(masks.map(([key, id]) => brush.load(key, id, `/api/masks/${id}`).catch(() => null)));
  showRegions();
  remember();
}

function sample(name) {
  const found = now.offered.photographs.find((one) => one.name === name);
  return found ? { sample: name, name: found.title } : null;
}

function openBrush() {
  attempt(async () => {
    if (!now.photo) throw new Error("choose a photograph first");
    brush.open($("photograph"), [["keep", "what stays as it is"], ...now.styles.map((style) => [keyOf(style), style.title])]);
  });
}

function showRegions() {
  const names = new Map([["keep", "kept"], ...now.styles.map((style) => [keyOf(style), style.title])]);
  $("regions").textContent = [...names].filter(([key]) => brush.layers.has(key) && brush.covers(key) > 0.001).map(([, name]) => name).join(", ");
}

// ---- Painting ----

async function paint(more = {}) {
  await attempt(async () => {
    const { id } = await post("/api/runs", { ...(await ready()), ...more });
    now.state = null;
    await refresh(id);
    $("picture").scrollIntoView({ block: "nearest" });
  });
}

// Fetch the history again, and show a run if one is given. Several may be on their way: an answer that a later one has
// overtaken is dropped, and one that was asked for before a run was chosen can't know it.
async function refresh(show) {
  const turn = ++now.asked;
  if (show !== undefined) [now.shown, now.chosen] = [show, turn];
  const runs = await ask("/api/runs");
  if (turn < now.answered) return;
  [now.runs, now.answered] = [runs, turn];
  if (turn >= now.chosen && !runs.some((run) => run.id === now.shown)) now.shown = runs[0]?.id ?? null;
  showHistory();
  showRun();
  showSliders();
}

const fileOf = (run, name) => `/api/runs/${run.id}/files/${name}`;
const titleOf = (run) => {
  const names = run.settings.styles.map((style) => now.offered.styles.find((one) => one.name === style.name)?.title ?? "your own");
  return `${run.grid ? "Grid: " : ""}${names.join(" and ")}, ${run.settings.size} pixels`;
};

function showHistory() {
  const thumbnail = (run) => ["thumbnail.jpg", "cell_4.jpg", "first.jpg"].find((name) => run.files.includes(name));
  const key = now.runs.map((run) => [run.id, run.state, stateOf(run), thumbnail(run), run.id === now.shown]);
  fill($("history"), key, () => now.runs.length ? now.runs.map((run) => {
    const small = thumbnail(run);
    const image = small ? make("img", { src: `${fileOf(run, small)}?${run.state}`, alt: "", loading: "lazy" }) : make("span", { className: "none" });
    const button = make("button", { type: "button", className: "thumb" }, image, `${titleOf(run)} · ${stateOf(run)}`);
    button.dataset.run = run.id;
    if (run.id === now.shown) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => { now.shown = run.id; now.state = null; showHistory(); showRun(); attempt(() => restore(run.settings)); });
    return button;
  }) : [make("p", { className: "note", textContent: "What you paint is kept here." })]);
}

const STATES = { finished: "finished", interrupted: "stopped", failed: "failed", killed: "ended", running: "being painted", waiting: "waiting" };
function stateOf(run) {
  const job = now.jobs.get(run.id);
  if (!job) return STATES[run.state] ?? run.state;
  return job.place ? `place ${job.place + 1} in the queue` : "being painted";
}

function showRun() {
  const run = now.runs.find((one) => one.id === now.shown), job = run && now.jobs.get(run.id);
  const ended = run && !job;
  const show = (id, when) => { $(id).hidden = !when; };
  const name = run && (now.state ?? run.picture);
  show("cells", run?.grid);
  show("stage", !run?.grid);
  show("frame", run && !run.grid && (job?.picture || name));
  show("compare-box", !$("frame").hidden);
  show("empty", $("frame").hidden);
  showEmpty();
  show("progress", job);
  show("stop", job);
  show("go-on", ended && !run.grid && run.state !== "finished");
  show("delete", ended);
  $("delete").textContent = ended && now.sure === run.id ? "Delete for good?" : "Delete";
  show("from-here", ended && !run.grid && name);
  show("save-png", ended && !run.grid && name);
  show("save-deep", ended && run.files.includes("final_16bit.tiff"));
  show("save-film", ended && run.files.includes("timelapse.webp"));
  show("states-box", run && !run.grid && run.states.length);
  show("made", run && !run.grid);
  document.title = job?.done ? `${Math.floor(100 * job.done)} % · nst` : "nst: a page to paint in";
  if (!run) return ($("status").textContent = $("numbers").textContent = "");
  if (!run.grid) setBefore(run.settings);
  if (run.grid) showCells(run);
  else if (job?.picture && !now.state) setView(`/api/runs/${run.id}/live?${job.picture}`, "The picture so far");
  else if (name) setView(`${fileOf(run, name)}?${run.state}`, now.state ? `The picture at ${stepOf(now.state)}` : `Painted: ${titleOf(run)}`);
  if (ended && name) {
    Object.assign($("save-png"), { href: `${fileOf(run, name)}?save=${run.id}_${name}` });
    Object.assign($("save-deep"), { href: `${fileOf(run, "final_16bit.tiff")}?save=${run.id}.tiff` });
    Object.assign($("save-film"), { href: `${fileOf(run, "timelapse.webp")}?save=${run.id}.webp` });
  }
  const why = run.reason && run.state !== "finished" ? `: ${run.reason}` : "";
  say(job ? (job.place ? `Waiting: place ${job.place + 1} in the queue` : "Painting") : sentence(`${STATES[run.state] ?? run.state}${why}`));
  showNumbers(run, job);
  const commands = [run.command, ...(run.first ? ["", "# the first result, by a trained network", run.first] : [])].join("\n");
  if ($("command").textContent !== commands) $("command").textContent = commands;
  fill($("warnings"), run.warnings, () => run.warnings.map((line) => make("li", { textContent: line })));
  showStates(run);
}

function showNumbers(run, job) {
  if (!job) {
    const parts = [run.grid && run.state === "finished" ? "click one to take its sliders" : "", run.loss == null ? "" : `loss ${run.loss.toPrecision(4)}`, run.seconds ? duration(run.seconds) : ""];
    $("numbers").textContent = parts.filter(Boolean).join(" · ");
    return;
  }
  $("progress").value = job.done ?? 0;
  const parts = [];
  if (job.picture === 1 && (job.done ?? 0) < 0.1) parts.push("a first result by a trained network");
  if (job.levels > 1) parts.push(`level ${job.level} of ${job.levels}`);
  if (job.level) parts.push(`${job.size[1]} × ${job.size[0]} pixels`, `step ${job.step}`, `loss ${job.losses.loss.toPrecision(4)}`);
  if (job.cells) parts.push(`${job.cells} of 9`);
  if (job.left != null) parts.push(`${duration(job.left)} left`);
  $("numbers").textContent = parts.join(" · ");
}

// Announce a state once: a screen reader reads what changes in it.
function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

// Say what is to be done next, while there is no picture.
function showEmpty() {
  const missing = [...(now.photo ? [] : ["a photograph"]), ...(now.styles.length ? [] : ["a painting"])].join(" and ");
  $("empty").textContent = now.shown ? "It will be here in a moment." : missing ? `Choose ${missing}, then press Paint.` : "Press Paint: your painting will be here.";
}

// Show the photograph of a run left of the slider, its painting on the right.
function setBefore(settings) {
  $("before").dataset.address = addressOf({ id: settings.photograph, sample: settings.sample });
  showSplit();
}

function showSplit() {
  const share = Number($("compare").value), { address } = $("before").dataset;
  if (share && $("before").getAttribute("src") !== address) $("before").src = address;
  $("before").hidden = !share;
  $("frame").classList.toggle("split", share > 0 && share < 100);
  $("frame").style.setProperty("--split", `${share}%`);
  $("compare").setAttribute("aria-valuetext", `${share} % of the photograph`);
}

function setView(address, alt) {
  const view = $("view");
  if (view.getAttribute("src") !== address) view.src = address;
  view.alt = alt;
}

const stepOf = (name) => `step ${Number(name.match(/\d+/)?.[0] ?? 0)}`;

function showStates(run) {
  fill($("states"), [run.id, run.states, now.state], () => run.states.map((name) => {
    const button = make("button", { type: "button", className: "thumb" }, make("img", { src: fileOf(run, name), alt: "", loading: "lazy" }), stepOf(name));
    button.setAttribute("aria-pressed", String(now.state === name));
    button.addEventListener("click", () => { now.state = now.state === name ? null : name; showRun(); });
    return button;
  }));
}

function showCells(run) {
  const job = now.jobs.get(run.id);
  const key = [run.id, job ? (job.cells ?? 0) : run.files];
  fill($("cells"), key, () => run.grid.cells.map((cell, number) => {
    const words = wordsOf(cell);
    const there = job ? number < (job.cells ?? 0) : run.files.includes(`cell_${number}.jpg`);
    const image = there ? make("img", { src: fileOf(run, `cell_${number}.jpg`), alt: "" }) : "…";
    const button = make("button", { type: "button", disabled: !there }, image, words);
    button.addEventListener("click", () => takeCell(run, cell));
    return button;
  }));
}

const wordsOf = ({ balance, strokes }) =>
  [balance && WORDS.balance(balance), strokes && `strokes ${WORDS.strokes(strokes)}`].filter(Boolean).join(", ") || "the usual";

async function takeCell(run, cell) {
  await attempt(async () => {
    await restore({ ...run.settings, balance: cell.balance, strokes: cell.strokes });
    say(`Taken: ${wordsOf(cell)}. Now press Paint.`);
    $("paint").focus();
  });
}

// Delete the run that is shown; the button has been pressed twice.
async function forget() {
  await ask(`/api/runs/${now.shown}`, { method: "DELETE" });
  now.state = now.sure = null;
  await refresh(null);
}

// ---- What the server tells ----

function listen() {
  const events = new EventSource("/api/events");
  events.onmessage = async ({ data }) => {
    const jobs = new Map(JSON.parse(data).map((job) => [job.id, job]));
    const ended = [...now.jobs.keys()].some((id) => !jobs.has(id));
    const news = [...jobs.values()].some((job) => !now.runs.some((run) => run.id === job.id) || job.kept !== now.jobs.get(job.id)?.kept);
    const places = [...jobs.values()].some((job) => job.place !== now.jobs.get(job.id)?.place);
    now.jobs = jobs;
    if (ended || news) await refresh().catch(() => null);
    else if (places) { showHistory(); showRun(); }
    else if (jobs.has(now.shown)) showRun();
  };
  events.onerror = () => say("The program that serves this page does not answer; trying again.");
  events.onopen = () => refresh().catch(() => null);
}

// ---- Wiring ----

function wire() {
  $("file").addEventListener("change", () => $("file").files[0] && takePhoto($("file").files[0]));
  $("camera").addEventListener("click", openCamera);
  $("shoot").addEventListener("click", shoot);
  $("camera-close").addEventListener("click", () => $("camera-dialog").close());
  $("own-style").addEventListener("change", () => takeStyles([...$("own-style").files]));
  for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(name, (event) => { // the whole page takes files: beside the box they would replace it
      event.preventDefault();
      const painting = $("styles").parentNode.contains(event.target);
      document.body.classList.toggle("over", over && !painting);
      const files = name === "drop" ? [...event.dataTransfer.files] : [];
      if (painting) takeStyles(files);
      else if (files.length) takePhoto(files[0]);
    });
  }
  document.addEventListener("paste", ({ clipboardData }) => {
    const [file] = clipboardData?.files ?? [];
    if (file?.type.startsWith("image/")) takePhoto(file);
  });
  $("compare").addEventListener("input", showSplit);
  $("view").addEventListener("load", () => $("frame").style.setProperty("--ratio", $("view").naturalWidth / $("view").naturalHeight));
  $("settings").addEventListener("input", remember);
  $("settings").addEventListener("submit", (event) => { event.preventDefault(); paint(); });
  $("grid").addEventListener("click", () => paint({ grid: { across: "balance", down: "strokes" } }));
  $("brush").addEventListener("click", openBrush);
  $("brush-dialog").addEventListener("close", showRegions);
  const act = (id, does) => $(id).addEventListener("click", () => attempt(does));
  act("stop", () => { say("Stopping after this step; what is painted is kept."); return post(`/api/runs/${now.shown}/stop`); });
  act("go-on", async () => { await post(`/api/runs/${now.shown}/go_on`); now.state = null; await refresh(); });
  act("delete", async () => {
    if (now.sure === now.shown) await forget();
    else now.sure = now.shown;
    showRun();
  });
  $("delete").addEventListener("blur", () => { now.sure = null; showRun(); });
  $("before").addEventListener("error", () => { $("error").textContent = "The photograph of this picture is not there any more."; });
  act("from-here", () => paint({ start: { run: now.shown, file: now.state ?? now.runs.find((run) => run.id === now.shown).picture } }));
  act("copy", async () => { 
    getSelection().selectAllChildren($("command"));
    if (!navigator.clipboard) throw new Error("a browser lets pages of this machine or over https copy only; the command is selected: copy it with the keyboard");
    await navigator.clipboard.writeText($("command").textContent);
    say("The command is copied.");
  });
}

async function begin() {
  now.offered = await ask("/api/choices");
  for (const { name, title } of now.offered.styles) addCard({ key: name, title, address: `/api/sample/style/${name}`, checked: false });
  for (const { name, title } of now.offered.photographs) {
    const button = make("button", { type: "button" }, make("img", { src: `/api/sample/photograph/${name}`, alt: "" }), title);
    button.dataset.sample = name;
    button.addEventListener("click", () => showPhoto(sample(name)));
    $("samples").append(button);
  }
  for (const id of ["backbone", "loss"]) $(id).append(...now.offered[id === "loss" ? "losses" : "backbones"].map((name) => new Option(name, name)));
  for (const { name, about } of now.offered.recipes) $("recipe").append(Object.assign(new Option(name, name), { title: about }));
  $("size").max = now.offered.limits.size;
  wire();
  await refresh();
  const draft = localStorage.getItem(DRAFT);
  if (draft) await restore(JSON.parse(draft)).catch(() => null);
  showSliders();
  listen();
  document.body.dataset.ready = "yes";
}

attempt(begin);
