// The brush: for each layer (what is kept, each style) a canvas that is opaque where it applies.

const EDGE = 768; // longest edge of a mask, pixels
const COLOURS = ["#ffffff", "#e4572e", "#3a86ff", "#2a9d4a", "#c77dff"];
const penOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
const $ = (id) => document.getElementById(id);

export class Brush {
  constructor() {
    this.layers = new Map(); // key -> {canvas, id: of the upload, or null}
    this.photo = null;
    this.at = { x: 0, y: 0 };
    this.down = false;
    const canvas = $("canvas");
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); this.down = true; this.move(event, true); });
    canvas.addEventListener("pointermove", (event) => this.move(event, this.down));
    canvas.addEventListener("pointerup", () => { this.down = false; this.tell(); });
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const input of ["layer", "brush-size"]) $(input).addEventListener("input", () => this.draw());
    for (const button of document.querySelectorAll("[data-fill]")) button.addEventListener("click", () => this.fill(button.dataset.fill));
    $("brush-done").addEventListener("click", () => $("brush-dialog").close());
  }

  // Open over a photograph; `names` are [key, title] of what can be painted.
  open(photo, names) {
    const scale = Math.min(1, EDGE / Math.max(photo.naturalWidth, photo.naturalHeight));
    const canvas = $("canvas");
    canvas.width = Math.round(photo.naturalWidth * scale);
    canvas.height = Math.round(photo.naturalHeight * scale);
    this.photo = photo;
    this.names = names;
    this.at = { x: canvas.width / 2, y: canvas.height / 2 };
    $("layer").replaceChildren(...names.map(([key, title]) => new Option(title, key)));
    this.draw();
    this.tell();
    $("brush-dialog").showModal();
  }

  layer(key) {
    if (!this.layers.has(key)) {
      const canvas = document.createElement("canvas");
      canvas.width = $("canvas").width;
      canvas.height = $("canvas").height;
      this.layers.set(key, { canvas, id: null });
    }
    return this.layers.get(key);
  }

  move(event, paints) {
    const canvas = $("canvas"), box = canvas.getBoundingClientRect();
    const next = { x: ((event.clientX - box.left) * canvas.width) / box.width, y: ((event.clientY - box.top) * canvas.height) / box.height };
    if (paints) this.line(event.type === "pointerdown" ? next : this.at, next);
    this.at = next;
    this.draw();
  }

  key(event) {
    const step = this.radius() / 2, before = { ...this.at };
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      this.at = { x: Math.min($("canvas").width, Math.max(0, before.x + by[0])), y: Math.min($("canvas").height, Math.max(0, before.y + by[1])) };
    } else if (event.key === " ") {
      this.line(before, this.at);
      this.tell();
    } else if (event.key === "+" || event.key === "-") {
      $("brush-size").value = Number($("brush-size").value) + (event.key === "+" ? 2 : -2);
    } else return;
    event.preventDefault();
    this.draw();
  }

  radius() { return (Number($("brush-size").value) / 100) * Math.max($("canvas").width, $("canvas").height) / 2; }

  line(from, to) {
    const layer = this.layer($("layer").value), pen = penOf(layer.canvas);
    pen.globalCompositeOperation = $("erase").checked ? "destination-out" : "source-over";
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = 2 * this.radius();
    pen.strokeStyle = "#fff";
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x + 0.01, to.y);
    pen.stroke();
    layer.id = null;
  }

  fill(what) {
    const layer = this.layer($("layer").value), { width, height } = layer.canvas, pen = penOf(layer.canvas);
    pen.globalCompositeOperation = what === "invert" ? "xor" : "source-over";
    pen.fillStyle = "#fff";
    if (what === "none") pen.clearRect(0, 0, width, height);
    else if (what === "top" || what === "bottom") pen.fillRect(0, what === "top" ? 0 : height / 2, width, height / 2);
    else if (what === "left" || what === "right") pen.fillRect(what === "left" ? 0 : width / 2, 0, width / 2, height);
    else pen.fillRect(0, 0, width, height);
    layer.id = null;
    this.draw();
    this.tell();
  }

  draw() {
    const canvas = $("canvas"), pen = canvas.getContext("2d");
    pen.drawImage(this.photo, 0, 0, canvas.width, canvas.height);
    this.names.forEach(([key], number) => {
      if (!this.layers.has(key)) return;
      const tinted = document.createElement("canvas");
      tinted.width = canvas.width;
      tinted.height = canvas.height;
      const ink = tinted.getContext("2d");
      ink.drawImage(this.layers.get(key).canvas, 0, 0, canvas.width, canvas.height);
      ink.globalCompositeOperation = "source-in";
      ink.fillStyle = COLOURS[number % COLOURS.length];
      ink.fillRect(0, 0, canvas.width, canvas.height);
      pen.globalAlpha = 0.55;
      pen.drawImage(tinted, 0, 0);
      pen.globalAlpha = 1;
    });
    for (const [colour, width] of [["#000", 3], ["#fff", 1]]) {
      pen.beginPath();
      pen.arc(this.at.x, this.at.y, this.radius(), 0, 7);
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.stroke();
    }
  }

  // Say how much of the picture each layer has.
  tell() {
    const parts = this.names.filter(([key]) => this.covers(key) > 0).map(([key, title]) => `${title}: ${Math.round(100 * this.covers(key))} %`);
    $("painted").textContent = parts.join(", ");
  }

  covers(key) {
    const layer = this.layers.get(key);
    if (!layer) return 0;
    const { data } = penOf(layer.canvas).getImageData(0, 0, layer.canvas.width, layer.canvas.height);
    let sum = 0;
    for (let i = 3; i < data.length; i += 4) sum += data[i];
    return sum / (data.length / 4) / 255;
  }

  // The mask of a layer as a grey PNG; null where nothing is painted.
  async file(key) {
    if (this.covers(key) < 0.001) return null;
    const { canvas } = this.layers.get(key), out = document.createElement("canvas");
    out.width = canvas.width;
    out.height = canvas.height;
    const pen = out.getContext("2d");
    pen.fillRect(0, 0, out.width, out.height);
    pen.drawImage(canvas, 0, 0);
    return new Promise((done) => out.toBlob(done, "image/png"));
  }

  // Put an uploaded mask back into a layer.
  async load(key, id, address) {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const pen = penOf(canvas);
    pen.drawImage(image, 0, 0);
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < pixels.data.length; i += 4) pixels.data.set([255, 255, 255, pixels.data[i]], i);
    pen.putImageData(pixels, 0, 0);
    this.layers.set(key, { canvas, id });
  }
}
