// The living picture: a story from living.py, played on a canvas. What is where at a time stands in the story; nothing is worked
// out here but where on the stage that is. Used by anywidget in a notebook, and written into pages that have no kernel.

// The story at a time: for each place its dots by number, for each box its state, and a sentence. As Story.at in living.py.
export function at(story, time) {
  const dots = story.places.map(() => []);
  story.dots.forEach((dot, number) => {
    const place = last(dot.steps, time);
    if (place !== null) dots[place].push(number);
  });
  const states = story.places.map(({ kind, states }) => (kind === "box" ? story.states[last(states, time) ?? 0] : ""));
  const [, ...shown] = story.states;
  const boxes = shown
    .map((state) => [states.filter((each) => each === state).length, state])
    .filter(([count, state]) => count || state === "running");
  const elsewhere = story.places.flatMap(({ kind, label }, place) => (kind === "box" ? [] : `${dots[place].length} ${label}`));
  const said = boxes.map((pair) => pair.join(" ")).join(", ");
  return { dots, states, sentence: `At ${time.toFixed(2)} s: ${story.boxes}: ${said}; ${elsewhere.join(", ")}.` };
}

// What holds at a time, of [since, what, since, what, …]; null before the first.
function last(steps, time) {
  let found = null;
  for (let index = 0; index < steps.length && steps[index] <= time; index += 2) found = steps[index + 1];
  return found;
}

const GAP = 13;

// Where the dot is that is the rank-th of count in its place; null where there is no room. As spot_of in living.py.
function spot(place, rank, count) {
  const [across, down] = [place.width, place.height].map((size) => Math.max(Math.floor((size - 4) / GAP), 1));
  if (rank >= across * down) return null;
  if (place.kind === "line") { // its head is to the right, next to what takes from it
    const [column, row] = [Math.floor(rank / down), rank % down];
    return [place.x + place.width - GAP * (column + 0.5), place.y + GAP * (row + 0.5)];
  }
  const [row, column] = [Math.floor(rank / across), rank % across];
  const [columns, rows] = [Math.min(count, across), Math.min(Math.ceil(count / across), down)];
  const middle = [place.x + place.width / 2, place.y + place.height / 2];
  return [middle[0] + GAP * (column - (columns - 1) / 2), middle[1] + GAP * (row - (rows - 1) / 2)];
}

const SPEEDS = [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20];
const CSS = `.lc-story { overflow-x: auto; } .lc-story canvas { display: block; width: 100%; min-width: 40em; max-width: 60em; }
.lc-story-bar { display: flex; flex-wrap: wrap; gap: .4em; align-items: center; max-width: 60em; font-variant-numeric: tabular-nums; }
.lc-story-bar button { min-width: 4.2em; min-height: 2em; font: inherit; }
.lc-story-bar input { flex: 1 1 12em; } .lc-story-status { min-height: 2.9em; line-height: 1.45; max-width: 60em; }`;

// Show the story in el, in place of what is there. Gives a function that ends it.
export function show(el, story) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const moments = [...new Set([story.dots, story.places].flat().flatMap(({ steps, states }) =>
    (steps ?? states).filter((_, index) => index % 2 === 0)))].filter((time) => time <= story.seconds).sort((a, b) => a - b);
  let time = story.start, speed = SPEEDS.indexOf(story.speed), playing = false, before = null, asked = 0;
  const seen = new Map(); // where each dot was drawn: it moves from there to where it is

  const canvas = make("canvas", { role: "img", ariaLabel: story.words });
  const back = button("back", "one step back", () => go(moments.findLast((moment) => moment < time - 1e-9) ?? 0));
  const play = button("play", "play", () => (playing ? pause() : start()));
  const step = button("step", "one step on", () => go(moments.find((moment) => moment > time + 1e-9) ?? story.seconds));
  const slower = button("slower", "slower", () => change(-1));
  const faster = button("faster", "faster", () => change(1));
  const pace = make("span", {});
  const scrub = make("input", { type: "range", min: 0, max: story.seconds, step: "any", ariaLabel: "time in seconds" });
  const status = make("div", { className: "lc-story-status", role: "status" });
  const bar = make("div", { className: "lc-story-bar" });
  const box = make("div", { className: "lc-story" });
  // Its keys are its own: JupyterLab would go to another cell.
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  bar.append(back, play, step, slower, pace, faster, scrub);
  box.append(make("style", { textContent: CSS }), canvas, bar, status);
  el.replaceChildren(box);
  scrub.addEventListener("input", () => go(Number(scrub.value)));
  scrub.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return; // an arrow moves by a hundredth of the whole
    event.preventDefault();
    go(Math.min(Math.max(time + (way * story.seconds) / 100, 0), story.seconds));
  });

  function button(sign, name, act) {
    const made = make("button", { type: "button", textContent: sign, ariaLabel: name, title: name });
    made.addEventListener("click", act);
    return made;
  }
  function change(by) {
    speed = Math.min(Math.max(speed + by, 0), SPEEDS.length - 1);
    tell();
  }
  function start() {
    if (time >= story.seconds) go(0);
    playing = true;
    before = null;
    tell();
    asked = requestAnimationFrame(frame);
  }
  function pause() {
    playing = false;
    cancelAnimationFrame(asked);
    tell();
    draw(true);
  }
  function go(to) {
    time = to;
    if (playing) pause();
    tell();
    draw(true);
  }
  function frame(now) {
    if (!canvas.isConnected) return;
    asked = requestAnimationFrame(frame);
    before ??= now;
    const passed = (now - before) / 1000;
    if (calm.matches && passed < 1) return; // who wants little motion sees a still picture each second
    before = now;
    time = Math.min(time + Math.min(passed, calm.matches ? 2 : 0.1) * SPEEDS[speed], story.seconds);
    if (time >= story.seconds) return pause();
    draw(calm.matches, passed);
  }
  function tell() {
    play.textContent = play.ariaLabel = play.title = playing ? "pause" : "play";
    pace.textContent = `${SPEEDS[speed]} × real time`;
    status.ariaLive = playing ? "off" : "polite"; // said when it rests
  }

  // Draw what is at this time; still: dots are where they are, not on their way.
  function draw(still, passed = 0) {
    const moment = at(story, time);
    const theme = story.themes[isDark() ? "dark" : "light"];
    const scale = (canvas.clientWidth || story.width) / story.width * (devicePixelRatio || 1);
    const [width, height] = [story.width, story.height].map((size) => Math.round(size * scale));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = theme.paper;
    pen.fillRect(0, 0, story.width, story.height);
    write(pen, story.title, 10, 20, theme.ink, 14);
    key(pen, story, theme);
    story.places.forEach((place, index) => drawPlace(pen, story, place, moment.dots[index].length, moment.states[index], theme));
    const share = still ? 1 : 1 - Math.exp(-passed / 0.09);
    moment.dots.forEach((there, index) => there.forEach((number, rank) => {
      const [dot, place] = [story.dots[number], story.places[index]];
      const goal = place.kind === "exit" ? [place.x + 12, place.y + 14] : spot(place, rank, there.length);
      if (goal === null) return;
      const old = seen.get(number) ?? [-10, story.height / 2];
      const where = goal.map((value, axis) => old[axis] + share * (value - old[axis]));
      seen.set(number, where);
      const since = dot.steps.at(-2);
      const left = place.kind === "exit" ? 1 - (time - since) / (story.speed * 1.5) : 1; // gone dots fade
      if (left <= 0) return;
      pen.globalAlpha = left;
      drawDot(pen, where, dot, theme[place.kind === "line" && !dot.odd ? place.colour : dot.colour], theme);
      pen.globalAlpha = 1;
    }));
    for (const number of seen.keys()) if (story.dots[number].steps[0] > time) seen.delete(number);
    scrub.value = time;
    scrub.ariaValueText = `${time.toFixed(2)} s`;
    status.textContent = moment.sentence;
  }

  const again = () => draw(!playing);
  const page = new MutationObserver(again);
  page.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", again);
  const resized = new ResizeObserver(again);
  resized.observe(canvas);
  tell();
  draw(true);
  return () => {
    cancelAnimationFrame(asked);
    [page, resized].forEach((observer) => observer.disconnect());
    dark.removeEventListener("change", again);
  };
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function isDark() {
  const light = document.body.dataset.jpThemeLight;
  return light ? light === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function write(pen, words, x, y, colour, size) {
  pen.fillStyle = colour;
  pen.font = `${size}px system-ui, sans-serif`;
  pen.fillText(words, x, y);
}

// What the colours of the boxes mean, at the right above.
function key(pen, story, theme) {
  const names = Object.entries(story.colours).filter(([state]) =>
    story.places.some(({ states }) => states.some((value, index) => index % 2 && story.states[value] === state)));
  pen.font = "12px system-ui, sans-serif";
  let right = story.width - 20;
  for (const [state, colour] of names.reverse()) {
    right -= pen.measureText(state).width;
    write(pen, state, right, 20, theme.ink, 12);
    pen.fillStyle = theme[colour];
    pen.fillRect(right - 15, 10, 11, 11);
    right -= 28;
  }
}

function drawPlace(pen, story, place, count, state, theme) {
  if (place.kind === "box") {
    if (state !== story.states[0]) {
      pen.fillStyle = theme[story.colours[state]];
      pen.fillRect(place.x, place.y, place.width, place.height);
    }
    pen.setLineDash(state === story.states[0] ? [4, 4] : []);
    pen.strokeStyle = place.provisioned ? theme.provisioned : theme.axis;
    pen.lineWidth = place.provisioned ? 3 : 1;
    pen.strokeRect(place.x, place.y, place.width, place.height);
    pen.setLineDash([]);
    write(pen, place.label, place.x, place.y - 4, theme.axis, 11);
    return;
  }
  write(pen, `${count} ${place.label}`, place.x, place.y - 8, theme.ink, 13);
  pen.fillStyle = theme.grid;
  pen.fillRect(place.x, place.y + place.height, place.width, 1);
}

function drawDot(pen, [x, y], dot, colour, theme) {
  pen.beginPath();
  if (dot.odd) [[0, -7], [7, 0], [0, 7], [-7, 0]].forEach(([right, down]) => pen.lineTo(x + right, y + down));
  else pen.arc(x, y, 5, 0, 7);
  pen.closePath();
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = theme.paper;
  pen.lineWidth = 1.5;
  pen.stroke();
}

function render({ model, el }) {
  return show(el, model.get("story"));
}

export default { render };
